/** What a training run tells while it goes on. */
import type { EpochRecord } from "./fit.ts";

export interface StartEvent {
  readonly type: "start";
  /** Trained tensors and their elements. */
  readonly parameters: number;
  readonly elements: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Estimated peak of a step: parameters, state and intermediate results, in bytes. The engine needs some more for itself. */
  readonly memoryBytes: number;
  /** Steps that a checkpoint has already done; 0 for a fresh run. */
  readonly resumedAt: number;
}

export interface StepEvent {
  readonly type: "step";
  /** Steps done, with this one. */
  readonly step: number;
  readonly totalSteps: number;
  /** From 0. */
  readonly epoch: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly learningRate: number;
  readonly stepMs: number;
  readonly examplesPerSecond: number;
  /** Milliseconds left at the pace of this run so far. */
  readonly etaMs: number;
}

export interface EpochEvent extends EpochRecord {
  readonly type: "epoch";
  readonly elapsedMs: number;
}

export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly step: number;
  readonly bytes: number;
}

export interface EndEvent {
  readonly type: "end";
  readonly steps: number;
  readonly stopped: "done" | "early";
}

export type FitEvent = StartEvent | StepEvent | EpochEvent | CheckpointEvent | EndEvent;

/**
 * Events for any number of readers, each from the first on. A step event that nobody has read yet is replaced by the next one,
 * so that a run whose events are not read stays small.
 */
export class FitLog {
  readonly #events: FitEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #seen = 0;
  #end: { readonly error?: unknown } | undefined;

  push(event: FitEvent): void {
    const last = this.#events.length - 1;
    if (this.#seen <= last && event.type === "step" && this.#events[last]!.type === "step") this.#events[last] = event;
    else this.#events.push(event);
    this.#wake();
  }

  close(end: { readonly error?: unknown } = {}): void {
    this.#end ??= end;
    this.#wake();
  }

  async *read(): AsyncGenerator<FitEvent, void, undefined> {
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
