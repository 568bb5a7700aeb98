/** A job from afar: iterate it for events, await its result, look at it in a notebook. */
import { GatewayError, request, settled, subscribe, type Connection } from "./transport.ts";
import type { JobEvent, JobInfo, JobOutcome } from "./types.ts";

const STATS = "parameters bytes nodeCount macs sparsity operators { name value } inputs { name type } outputs { name type }";
export const MODEL = `id name digest fileBytes stats { ${STATS} } files { name size url }`;
export const JOB = "id kind state progress lastSeq error { code message }";
export const PROBLEM = "... on UserError { code message remedy }";

const EVENTS = "subscription ($id: ID!, $after: Int!) { jobEvents(job: $id, after: $after) { seq attempt type at data } }";
const LOOK = `query ($id: ID!) { job(id: $id) { ${JOB} } }`;
const OUTCOME = `query ($id: ID!) { job(id: $id) { state error { code message } model { ${MODEL} }
  report { title elapsedMs before { ${STATS} } after { ${STATS} } steps { name metrics warnings } html { url } }
  benchmark { timings { model { id name } median spread p5 p95 speedup } machine { cpu cores loadBefore loadAfter } } } }`;
const CANCEL = `mutation ($id: ID!) { cancelJob(id: $id) { __typename ... on JobPayload { job { ${JOB} } } ${PROBLEM} } }`;

/** Waits grow from the first to the longest. */
const RETRY_MS = 300;
const LONGEST_RETRY_MS = 8000;
const TRIES = 20;
const final = new Set(["SUCCEEDED", "FAILED", "CANCELLED"]);

export class JobHandle implements AsyncIterable<JobEvent> {
  readonly id: string;
  #info: JobInfo;
  readonly #connection: Connection;

  constructor(connection: Connection, info: JobInfo) {
    this.id = info.id;
    this.#info = info;
    this.#connection = connection;
  }

  /** As it was when it was last looked at. */
  get info(): JobInfo {
    return this.#info;
  }

  async refresh(): Promise<JobInfo> {
    const { job } = await request<{ job: JobInfo | null }>(this.#connection, LOOK, { id: this.id });
    if (!job) throw new GatewayError("NOT_FOUND", "The job is not there any more.");
    return (this.#info = job);
  }

  /** Every event once and in order, to the last one. A connection that breaks is made again where it broke; a gateway may be away for two minutes. */
  async *events({ after = 0, signal }: { after?: number; signal?: AbortSignal } = {}): AsyncGenerator<JobEvent, void, undefined> {
    for (let seen = after, failed = 0; ; ) {
      try {
        for await (const { jobEvents } of subscribe<{ jobEvents: JobEvent }>(this.#connection, EVENTS, { id: this.id, after: seen }, signal)) {
          seen = jobEvents.seq;
          failed = 0;
          yield jobEvents;
        }
        return;
      } catch (error) {
        if (error instanceof GatewayError || signal?.aborted || ++failed > TRIES) throw error;
        await pause(Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** (failed - 1)), signal);
      }
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<JobEvent> {
    return this.events();
  }

  /** Waits for the end. @throws GatewayError with the code of the failure, or CANCELLED */
  async result(): Promise<JobOutcome> {
    if (!final.has((await this.refresh()).state)) for await (const _ of this.events({ after: this.#info.lastSeq }));
    const { job } = await request<{ job: JobInfo & JobOutcome }>(this.#connection, OUTCOME, { id: this.id });
    await this.refresh();
    if (job.error) throw new GatewayError(job.error.code, job.error.message);
    if (job.state !== "SUCCEEDED") throw new GatewayError(job.state, `The job is ${job.state.toLowerCase()}.`);
    return { model: job.model, report: job.report, benchmark: job.benchmark };
  }

  async cancel(): Promise<JobInfo> {
    const { cancelJob } = await request<{ cancelJob: { __typename: string; job: JobInfo } }>(this.#connection, CANCEL, { id: this.id });
    return (this.#info = settled(cancelJob).job);
  }

  toJSON(): JobInfo {
    return this.#info;
  }

  toString(): string {
    const { kind, state, progress, error } = this.#info;
    return `${kind} ${state} ${Math.round(progress * 100)} %${error ? ` ${error.code}: ${error.message}` : ""}`;
  }

  /** What notebooks show. */
  [Symbol.for("Jupyter.display")](): Record<string, string> {
    const { kind, state, progress } = this.#info;
    const bar = `<progress max="1" value="${progress}"></progress>`;
    return { "text/plain": this.toString(), "text/markdown": `**${kind}** ${state} ${Math.round(progress * 100)} %`, "text/html": `<div>${kind} <b>${state}</b> ${bar}</div>` };
  }

  /** What `console.log` shows in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
