/** A job under way: how far it is, and a way to stop it. */
import type { JSX } from "preact";
import { request, unwrap } from "../api/graphql.ts";
import { cancelMutation } from "../api/queries.ts";
import { useStudio } from "./context.ts";
import { duration, percent } from "./format.ts";
import type { Progress } from "./progress.ts";

export function Running({ id, progress }: { id: string; progress: Progress }): JSX.Element {
  const { fail, refresh } = useStudio();
  const { now, overall, etaMs, state } = progress;
  const cancel = async (): Promise<void> => {
    try {
      unwrap((await request(cancelMutation, { id })).cancelJob);
      refresh();
    } catch (error) {
      fail(error);
    }
  };
  return (
    <div class="running">
      <progress aria-label="Progress of the job" value={state === "QUEUED" ? undefined : overall} max={1} />
      <span>{state === "QUEUED" ? now || "Waiting for a worker" : [percent(overall), now, etaMs === undefined ? "" : `${duration(etaMs)} left`].filter((part) => part !== "").join(", ")}</span>
      <button type="button" disabled={state === "CANCELLING"} onClick={() => void cancel()}>{state === "CANCELLING" ? "Stopping…" : "Cancel"}</button>
    </div>
  );
}
