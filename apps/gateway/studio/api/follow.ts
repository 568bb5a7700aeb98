/** Follows the events of a job by server-sent events. A broken connection is taken up again after the last number that was seen. */
import { readSse } from "../../src/client/sse.ts";
import { ApiError, headersOf } from "./graphql.ts";
import { eventsSubscription } from "./queries.ts";
import type { JobEvent } from "./types.ts";

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** Number of the last event that is known already; default 0. */
  readonly after?: number;
  /** Told when the connection is lost and when it is back. */
  readonly onConnection?: (connected: boolean) => void;
  /** Default: the gateway of this page. */
  readonly endpoint?: string;
  readonly token?: string;
}

const FIRST_WAIT = 300;
const LONGEST_WAIT = 8000;
const last: ReadonlySet<string> = new Set(["SUCCEEDED", "FAILED", "CANCELLED"]);

/** Ends after the last event of the job. @throws ApiError for what trying again does not heal */
export async function* follow(job: string, { signal, after = 0, onConnection, endpoint = "/graphql", token }: FollowOptions): AsyncGenerator<JobEvent, void, undefined> {
  let seen = after;
  let wait = FIRST_WAIT;
  while (!signal.aborted) {
    try {
      for await (const event of once(job, seen, endpoint, token, signal, () => onConnection?.(true))) {
        // Never twice, whatever a server sends.
        if (event.seq <= seen) continue;
        seen = event.seq;
        wait = FIRST_WAIT;
        yield event;
        if (last.has(event.type)) return;
      }
    } catch (error) {
      if (error instanceof ApiError && error.code !== "NETWORK") throw error;
    }
    if (signal.aborted) return;
    onConnection?.(false);
    await pause(wait, signal);
    wait = Math.min(LONGEST_WAIT, wait * 2);
  }
}

async function* once(job: string, after: number, endpoint: string, token: string | undefined, signal: AbortSignal, onOpen: () => void): AsyncGenerator<JobEvent, void, undefined> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: headersOf("text/event-stream", token),
    body: JSON.stringify({ query: eventsSubscription.text, variables: { job, after } }),
    signal,
  });
  if (!response.ok || !response.body) throw await refusal(response);
  onOpen();
  for await (const { event, data } of readSse(response.body)) {
    if (event !== "next" || data === "") continue;
    const { data: value, errors } = JSON.parse(data) as { data?: { jobEvents: JobEvent } | null; errors?: { message: string; extensions?: { code?: string } }[] };
    if (errors?.[0]) throw new ApiError(errors[0].extensions?.code ?? "GRAPHQL", errors[0].message);
    if (value) yield value.jobEvents;
  }
}

/** What a later try may heal counts as a failure of the network. */
async function refusal(response: Response): Promise<ApiError> {
  const { errors } = (await response.json().catch(() => ({}))) as { errors?: { message: string; extensions?: { code?: string } }[] };
  const heals = response.status >= 500 || response.status === 429;
  return new ApiError(heals ? "NETWORK" : (errors?.[0]?.extensions?.code ?? `HTTP_${response.status}`), errors?.[0]?.message ?? `The gateway answered with status ${response.status}.`);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
