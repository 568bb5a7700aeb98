import type { Json, Metrics, Warning } from "./contract.ts";

/** Which step an event is about. */
export interface StepRef {
  readonly name: string;
  /** Place among its siblings, from 0. */
  readonly index: number;
  /** Places from the outermost step inwards; of length 1 for a step of the pipeline itself. */
  readonly path: readonly number[];
}

interface EventBase {
  readonly step: StepRef;
  /** Milliseconds since the run began. */
  readonly atMs: number;
  /** Share of the whole run that is done, from 0 to 1; every step of the pipeline counts the same. */
  readonly overall: number;
}

export interface StartEvent extends EventBase {
  readonly type: "start";
}

export interface ProgressEvent extends EventBase {
  readonly type: "progress";
  /** Share of this step, from 0 to 1; undefined when the total is not known. */
  readonly fraction: number | undefined;
  readonly done?: number;
  readonly total?: number;
  readonly message?: string;
  /** Milliseconds since the step began. */
  readonly elapsedMs: number;
  /** Milliseconds left for this step at the present pace; undefined at the very start or when the total is not known. */
  readonly etaMs: number | undefined;
}

export interface WarnEvent extends EventBase {
  readonly type: "warn";
  readonly warning: Warning;
}

export interface EndEvent extends EventBase {
  readonly type: "end";
  readonly elapsedMs: number;
  readonly metrics: Metrics;
  readonly details: Json;
}

export type RunEvent = StartEvent | ProgressEvent | WarnEvent | EndEvent;

/**
 * Events of something that goes on, kept for any number of readers, each from the first event on. An event that nobody has read yet
 * makes room for the next one where that says the same and more, so that a run whose events are not read stays small.
 *
 * @example
 * const log = new EventLog<MyEvent>((next, last) => next.type === "progress" && last.type === "progress");
 * return { result: work(log).finally(() => log.close()), [Symbol.asyncIterator]: () => log.read() };
 */
export class EventLog<E> {
  readonly #supersedes: (next: E, last: E) => boolean;
  readonly #events: E[] = [];
  readonly #waiting = new Set<() => void>();
  #seen = 0;
  #end: { readonly error?: unknown } | undefined;

  /** @param supersedes whether `next` may stand in the place of `last`, the unread event before it; default: never */
  constructor(supersedes: (next: E, last: E) => boolean = () => false) {
    this.#supersedes = supersedes;
  }

  push(event: E): void {
    if (this.#end) return;
    const last = this.#events.length - 1;
    if (this.#seen <= last && this.#supersedes(event, this.#events[last]!)) this.#events[last] = event;
    else this.#events.push(event);
    this.#wake();
  }

  /** Closes the log; readers get what is there, then `error` if given. */
  close(end: { readonly error?: unknown } = {}): void {
    this.#end ??= end;
    this.#wake();
  }

  async *read(): AsyncGenerator<E, void, undefined> {
    for (let at = 0; ; ) {
      if (at < this.#events.length) {
        const event = this.#events[at++]!;
        this.#seen = Math.max(this.#seen, at);
        yield event;
      } else if (this.#end) {
        if ("error" in this.#end) throw this.#end.error;
        return;
      } else await new Promise<void>((resolve) => void this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** Progress makes room for later progress of the same step. */
export const supersedes = (next: RunEvent, last: RunEvent): boolean =>
  next.type === "progress" && last.type === "progress" && next.step.path.join() === last.step.path.join();
