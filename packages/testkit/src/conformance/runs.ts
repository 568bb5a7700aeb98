/** Checks of what a run gives, on one example. */
import { decodeModel, encodeModel, fromRecipe, standardOps, toRecipe, verify, type AnyTechnique, type Model, type RunEvent, type Step, type StepRecord } from "@lathe/core";
import type { Problem } from "./contract.ts";
import { jsonProblem } from "./json.ts";
import { codeOf, runExample, sameBytes, stepOf, wordsOf, type Outcome, type RunOverrides, type Trial } from "./subject.ts";

type Done = Extract<Outcome, { kind: "done" }>;

/** Runs it and hands the result on; a failure is the problem. */
async function done(trial: Trial, then: (outcome: Done) => Problem | Promise<Problem>, overrides: RunOverrides = {}): Promise<Problem> {
  const outcome = await runExample(trial, overrides);
  return outcome.kind === "failed" ? `it fails: ${wordsOf(outcome.error)}` : then(outcome);
}

export const leavesModelAlone = (trial: Trial): Promise<Problem> => done(trial, ({ touched }) => (touched ? "the caller's model has changed after a run" : undefined));

/** Whatever the host does in the middle of a step must not reach the caller's model. */
export async function leavesModelAloneOnError(trial: Trial): Promise<Problem> {
  const stop = new Error("stopped by the check");
  const outcome = await runExample(trial, {
    onEvent: ({ type }) => {
      if (type === "progress" || type === "end") throw stop;
    },
  });
  if (outcome.kind === "done") return "it swallows an error of the host";
  return outcome.touched ? "the caller's model has changed after an error" : undefined;
}

export const givesSoundModel = (trial: Trial): Promise<Problem> =>
  done(trial, ({ model }) => {
    const issue = verify(model, { ops: standardOps }).find(({ severity }) => severity === "error");
    if (issue) return `its result is not sound: ${issue.error.message}`;
    const bytes = encodeModel(model);
    return sameBytes(bytes, encodeModel(decodeModel(bytes))) ? undefined : "its result changes when written and read";
  });

export const keepsItsPromises = (trial: Trial): Promise<Problem> =>
  done(trial, async ({ model }) => {
    const options = await stepOf(trial).options;
    for (const predicate of trial.technique.ensures) {
      const reason = await (predicate as (model: Model, options: unknown) => Problem | Promise<Problem>)(model, options);
      if (reason !== undefined) return `its result breaks what it ensures: ${reason}`;
    }
    return undefined;
  });

export const repeatsItself = (trial: Trial): Promise<Problem> =>
  done(trial, (first) =>
    done(trial, (second) => {
      if (!sameBytes(encodeModel(first.model), encodeModel(second.model))) return "two runs with the same seed give different bytes";
      const [a, b] = [first, second].map(({ report }) => JSON.stringify(report.toJSON().steps.map(withoutTimes)));
      return a === b ? undefined : `two runs with the same seed report different figures: ${a} and ${b}`;
    }));

/** Times differ between runs; their keys end in "Ms" or "milliseconds". */
const withoutTimes = ({ metrics, details, warnings }: StepRecord): unknown =>
  JSON.parse(JSON.stringify({ metrics, details, warnings }, (key, value: unknown) => (/(ms|milliseconds)$/i.test(key) ? undefined : value)));

export async function runsAsRecipe(trial: Trial): Promise<Problem> {
  const recipe = JSON.parse(JSON.stringify(toRecipe([stepOf(trial)]))) as unknown;
  const { steps } = fromRecipe(techniquesIn([stepOf(trial)]), recipe);
  return done(trial, (direct) =>
    done(trial, (written) => (sameBytes(encodeModel(direct.model), encodeModel(written.model)) ? undefined : "as a recipe it gives another model"), { steps }));
}

const techniquesIn = (steps: readonly Step[]): AnyTechnique[] => [...new Set(steps.flatMap((step) => [step.technique, ...techniquesIn(step.steps)]))];

/** The host's report replaces what JSON cannot hold, so the figures are looked at as the technique gave them. */
export function reportsJson(trial: Trial): Promise<Problem> {
  const given: unknown[] = [];
  const onEvent = (event: RunEvent): void => {
    if (event.type === "end") given.push({ metrics: event.metrics, details: event.details });
  };
  return done(trial, ({ report }) => {
    const problem = jsonProblem(given.at(-1)) ?? jsonProblem(report.toJSON());
    if (problem !== undefined) return `its report is no JSON: ${problem}`;
    return report.toJSON().steps[0]?.name === trial.technique.name ? undefined : "its report does not name it";
  }, { onEvent });
}

export async function asksForServices(trial: Trial): Promise<Problem> {
  const { needs } = stepOf(trial);
  for (const service of needs) {
    const { [service]: _, ...others } = trial.example.services ?? {};
    const outcome = await runExample(trial, { services: others });
    if (outcome.kind === "done") return `it declares the need of "${service}" but runs without`;
    if (codeOf(outcome.error) !== "SERVICE_MISSING") return `without "${service}" it fails with ${String(codeOf(outcome.error))} instead of SERVICE_MISSING`;
  }
  return undefined;
}
