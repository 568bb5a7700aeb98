/** Checks of aborting, on one example. */
import type { Lent, Runtime } from "@lathe/core";
import type { Problem } from "./contract.ts";
import { codeOf, nextTurn, runExample, wordsOf, type Outcome, type Trial } from "./subject.ts";
import { watch } from "./watch.ts";

/** A call may already be on its way when the abort comes, and the one that gets the aborted signal refuses by itself. */
const CALLS_ON_THE_WAY = 2;
/** How long the services must be quiet to count as left alone, and how long that is waited for. */
const QUIET_MS = 50;
const PATIENCE_MS = 2000;

export async function doesNotStartWhenAborted(trial: Trial): Promise<Problem> {
  const watched = watchAll(trial);
  const outcome = await runExample(trial, { services: watched.services, signal: AbortSignal.abort() });
  return abortProblem(outcome) ?? (watched.calls() > 0 ? "it uses services though the signal was aborted before the start" : undefined);
}

/** Aborts a turn after the start. A technique that was done by then has kept its word. */
export function stopsWhenAborted(trial: Trial): Promise<Problem> {
  return stops(trial, (type, abort) => {
    if (type === "start") setTimeout(abort, 0);
  });
}

export function stopsWhenAbortedInProgress(trial: Trial): Promise<Problem> {
  return stops(trial, (type, abort) => {
    if (type === "progress") abort();
  });
}

/** A model that takes minutes to load or to run can only be left in the middle by an engine that knows the signal. */
export async function handsSignalToEngine(trial: Trial): Promise<Problem> {
  const { runtime } = (trial.example.services ?? {}) as { readonly runtime?: Runtime };
  if (!runtime) return undefined;
  const deaf = new Set<string>();
  const listening = overhear(runtime, (call, signal) => signal || deaf.add(call));
  const outcome = await runExample(trial, { services: { ...trial.example.services, runtime: listening } as Lent<never> });
  if (outcome.kind === "failed") return `it fails: ${wordsOf(outcome.error)}`;
  return deaf.size > 0 ? `it does not hand the abort signal to ${[...deaf].toSorted().join(" and ")} of the runtime` : undefined;
}

/** The engine, telling of each load and run whether a signal came with it. */
function overhear(runtime: Runtime, heard: (call: "load" | "run", signal: AbortSignal | undefined) => void): Runtime {
  return {
    name: runtime.name,
    async load(model, options) {
      heard("load", options?.signal);
      const session = await runtime.load(model, options);
      return {
        inputs: session.inputs,
        outputs: session.outputs,
        run(feeds, settings) {
          heard("run", settings?.signal);
          return session.run(feeds, settings);
        },
        dispose: () => session.dispose(),
      };
    },
  };
}

async function stops(trial: Trial, onEvent: (type: string, abort: () => void) => void): Promise<Problem> {
  const watched = watchAll(trial);
  const control = new AbortController();
  let atAbort = 0;
  const abort = (): void => {
    if (control.signal.aborted) return;
    atAbort = watched.calls();
    control.abort();
  };
  const outcome = await runExample(trial, { services: watched.services, signal: control.signal, onEvent: ({ type }) => onEvent(type, abort) });
  if (outcome.kind === "done" && !control.signal.aborted) return outcome.touched ? "the caller's model has changed" : undefined;
  await quiet(watched.calls);
  const more = watched.calls() - atAbort;
  return abortProblem(outcome) ?? (more > CALLS_ON_THE_WAY ? `it goes on after the abort: ${more} more calls of services` : undefined);
}

function abortProblem(outcome: Outcome): Problem {
  if (outcome.kind === "done") return "it finishes though it was aborted";
  if (codeOf(outcome.error) !== "ABORTED") return `aborted, it fails with ${String(codeOf(outcome.error))} instead of ABORTED: ${wordsOf(outcome.error)}`;
  return outcome.touched ? "the caller's model has changed after an abort" : undefined;
}

function watchAll({ example }: Trial): { services: Lent<never>; calls(): number } {
  let count = 0;
  const services = Object.fromEntries(Object.entries(example.services ?? {}).map(([name, service]) => [name, watch(service, () => count++)]));
  return { services: services as Lent<never>, calls: () => count };
}

async function quiet(calls: () => number): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  let seen = -1;
  let since = 0;
  while (performance.now() < end) {
    if (calls() !== seen) [seen, since] = [calls(), performance.now()];
    else if (performance.now() - since >= QUIET_MS) return;
    await nextTurn();
  }
}
