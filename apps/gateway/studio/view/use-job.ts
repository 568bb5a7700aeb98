import { useEffect, useState } from "preact/hooks";
import { follow } from "../api/follow.ts";
import { jobQuery } from "../api/queries.ts";
import { isOver, type JobDetail } from "../api/types.ts";
import { useQuery, useStudio } from "./context.ts";
import { stateText } from "./parts.tsx";
import { advance, noProgress, type Progress } from "./progress.ts";

export interface LiveJob {
  /** Undefined while it loads, null when there is no such job. */
  readonly job: JobDetail | null | undefined;
  readonly progress: Progress;
  readonly connected: boolean;
}

/** A job with its events, as they come. */
export function useJob(id: string): LiveJob {
  const { announce, fail, refresh } = useStudio();
  const { data, reload } = useQuery(jobQuery, { id });
  const [progress, setProgress] = useState(noProgress);
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    const abort = new AbortController();
    const read = async (): Promise<void> => {
      setProgress(noProgress);
      for await (const event of follow(id, { signal: abort.signal, onConnection: setConnected })) {
        if (abort.signal.aborted) return;
        setProgress((before) => advance(before, event));
        if (event.type === "STEP_STARTED") announce(`${String(event.data?.["step"])} began.`);
        if (!isOver(event.type as JobDetail["state"])) continue;
        announce(`The job is ${stateText[event.type]}.`);
        reload();
        refresh();
      }
    };
    read().catch((error: unknown) => void (abort.signal.aborted || fail(error)));
    return () => abort.abort();
  }, [id]);
  return { job: data?.job ?? (data ? null : undefined), progress, connected };
}
