import type { Model } from "../ir/model.ts";
import type { OpTable } from "../ops/op.ts";
import { standardOps } from "../ops/standard.ts";
import { makeReport, type Report } from "../report/report.ts";
import { techniqueErrors } from "./errors.ts";
import { EventLog, supersedes, type RunEvent } from "./events.ts";
import { abortError, runStep, type Host, type StepRecord } from "./run-step.ts";
import type { Lent, ServiceName } from "./services.ts";
import type { NeedsOf, Step } from "./contract.ts";
import { checkStep } from "./technique.ts";
import { nextTurn } from "./turn.ts";

export interface RunSettings {
  readonly signal?: AbortSignal | undefined;
  /** Default 0. The same seed, model and options give the same bytes. */
  readonly seed?: number | undefined;
  /** Called with each event, also without iterating the run. What it throws fails the run. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  /** Numbers for symbolic dimensions of inputs, for the report's figures of work and memory. */
  readonly bindings?: Readonly<Record<string, number>> | undefined;
  /** Default: the standard operators. */
  readonly ops?: OpTable | undefined;
}

export type RunOptions<N extends ServiceName> = Lent<N> & RunSettings;
/**
 * The second argument may be left out when no step needs a service. Where the needs are not known to the type checker (a recipe, a
 * list of steps made at run time), none is demanded at compile time and SERVICE_MISSING says at run time what is missing.
 */
export type RunArgs<N extends ServiceName> =
  [N] extends [never] ? [options?: RunOptions<never>]
  : [ServiceName] extends [N] ? [options?: RunOptions<never>]
  : [options: RunOptions<N>];

export interface RunResult {
  readonly model: Model;
  readonly report: Report;
}

/** A run that has begun. Iterate it for events (any number of times, each from the first event on), await `result`, or do both. */
export interface Run extends AsyncIterable<RunEvent> {
  readonly result: Promise<RunResult>;
}

export interface Pipeline<N extends ServiceName = ServiceName> {
  readonly steps: readonly Step<N>[];
  /**
   * Runs the steps one after another on a clone: `model` itself is never changed. Errors and aborts reject `result` and end the
   * iteration by throwing; either one alone may be consumed.
   * @throws (through the run) ABORTED, SERVICE_MISSING, EXPECTATION_FAILED, PROMISE_BROKEN, STEP_FAILED, or the technique's own error.
   */
  run(model: Model, ...options: RunArgs<N>): Run;
}

/**
 * @example
 * const run = pipeline(prune({ ratio: 0.5 }), quantize()).run(model, { data, runtime });
 * for await (const event of run) console.log(event.type, event.step.name);
 * const { model: small, report } = await run.result;
 * @throws PIPELINE_EMPTY, NOT_A_STEP, TECHNIQUE_API_VERSION
 */
export function pipeline<const S extends readonly Step[]>(...steps: S): Pipeline<NeedsOf<S>> {
  if (steps.length === 0) throw techniqueErrors.PIPELINE_EMPTY({ what: "The pipeline" });
  steps.forEach(checkStep);
  return {
    steps: steps as readonly Step[] as readonly Step<NeedsOf<S>>[],
    run: (model, ...[options]) => start(steps, model, (options ?? {}) as RunOptions<never>),
  };
}

function start(steps: readonly Step[], model: Model, options: RunOptions<never>): Run {
  const { signal = new AbortController().signal, seed = 0, onEvent, ops = standardOps, bindings, ...services } = options;
  const log = new EventLog<RunEvent>(supersedes);
  const startedAt = performance.now();
  let open = true;
  const emit = (event: RunEvent): void => {
    if (!open) return;
    log.push(event);
    onEvent?.(event);
  };
  const at = { step: 0 };
  const host: Host = { ops, seed, signal, services: lentOnly(services), count: steps.length, emit, now: () => performance.now() - startedAt };
  // An abort settles the run at once; a technique that does not look at the signal finishes unheard.
  const aborted = abortion(signal, () => abortError(steps[at.step]!.name, [at.step], signal));
  const result = Promise.race([work(steps, model, host, at, bindings), aborted.promise]).finally(() => {
    open = false;
    aborted.stop();
  });
  result.then(() => log.close(), (error: unknown) => log.close({ error }));
  return { result, [Symbol.asyncIterator]: () => log.read() };
}

async function work(steps: readonly Step[], source: Model, host: Host, at: { step: number }, bindings: RunSettings["bindings"]): Promise<RunResult> {
  // Callers get to listen, and to abort, before the first step.
  await nextTurn();
  let model = source.clone();
  const records: StepRecord[] = [];
  for (const [i, step] of steps.entries()) {
    at.step = i;
    if (host.signal.aborted) throw abortError(step.name, [i], host.signal);
    const outcome = await runStep(step, model, host, [i]);
    model = outcome.model;
    records.push(outcome.record);
    await nextTurn();
  }
  const report = makeReport({ before: source, after: model, steps: records, seed: host.seed, elapsedMs: host.now(), ops: host.ops, bindings });
  return { model, report };
}

/** A promise that rejects when the signal aborts. */
function abortion(signal: AbortSignal, error: () => Error): { readonly promise: Promise<never>; stop(): void } {
  let stop = (): void => undefined;
  const promise = new Promise<never>((_, reject) => {
    const listener = (): void => reject(error());
    if (signal.aborted) listener();
    signal.addEventListener("abort", listener, { once: true });
    stop = () => signal.removeEventListener("abort", listener);
  });
  return { promise, stop: () => stop() };
}

/** Leaves out services given as undefined, so that "lent" means there. */
function lentOnly(services: Lent<never>): Lent<never> {
  return Object.fromEntries(Object.entries(services).filter(([, service]) => service !== undefined)) as Lent<never>;
}
