/** The checks that every technique must pass, ours and those of others. */
import { checkTechnique, type AnyTechnique } from "@lathe/core";
import { testkitErrors } from "../errors.ts";
import { doesNotStartWhenAborted, handsSignalToEngine, stopsWhenAborted, stopsWhenAbortedInProgress } from "./abort.ts";
import { defaults, describedOptions, refusesBadOptions, shape, type Problem } from "./contract.ts";
import { asksForServices, givesSoundModel, keepsItsPromises, leavesModelAlone, leavesModelAloneOnError, repeatsItself, reportsJson, runsAsRecipe } from "./runs.ts";
import { wordsOf, type ConformanceExample, type ConformanceOptions, type Trial } from "./subject.ts";

export type { ConformanceExample, ConformanceOptions } from "./subject.ts";

export interface ConformanceCheck {
  readonly name: string;
  /** @throws TESTKIT_CONFORMANCE */
  run(): Promise<void>;
}

type Check = (technique: AnyTechnique, options: ConformanceOptions) => Problem | Promise<Problem>;
type ExampleCheck = (trial: Trial) => Promise<Problem>;

const once: Readonly<Record<string, Check>> = {
  "has the shape and version of the contract": shape,
  "describes its options as JSON Schema": describedOptions,
  "refuses bad options": refusesBadOptions,
};

const perExample: Readonly<Record<string, ExampleCheck>> = {
  "fills in the defaults that it declares": defaults,
  "leaves the caller's model alone": leavesModelAlone,
  "leaves the caller's model alone on errors": leavesModelAloneOnError,
  "gives a sound model that survives a file": givesSoundModel,
  "keeps what it ensures": keepsItsPromises,
  "gives the same bytes and figures for the same seed": repeatsItself,
  "does the same as a recipe": runsAsRecipe,
  "reports plain JSON": reportsJson,
  "asks for the services that it needs": asksForServices,
  "does not start when aborted before": doesNotStartWhenAborted,
  "stops when aborted after the start": stopsWhenAborted,
  "stops when aborted in progress": stopsWhenAbortedInProgress,
  "hands the abort signal to the engine": handsSignalToEngine,
};

/**
 * The checks of the technique contract for one technique, to be run by any test runner.
 *
 * @example for (const { name, run } of conformance(prune, { examples: [{ model: tinyCnn(), options: { ratio: 0.5 } }] })) it(name, run);
 * @throws NOT_A_TECHNIQUE, TECHNIQUE_API_VERSION; TESTKIT_CONFORMANCE without examples.
 */
export function conformance(technique: AnyTechnique, options: ConformanceOptions): ConformanceCheck[] {
  checkTechnique(technique);
  const { examples } = options;
  if (examples.length === 0) throw testkitErrors.TESTKIT_CONFORMANCE({ technique: technique.name, check: "has examples", example: undefined, problem: "none were given" });
  const general = Object.entries(once).map(([name, check]) => named(technique, name, undefined, async () => check(technique, options)));
  const special = Object.entries(perExample).flatMap(([name, check]) =>
    examples.map((example, i) => named(technique, name, labelOf(example, i, examples.length), () => check({ technique, example }))));
  return [...general, ...special];
}

const labelOf = (example: ConformanceExample, index: number, count: number): string | undefined => example.name ?? (count > 1 ? String(index + 1) : undefined);

function named(technique: AnyTechnique, check: string, example: string | undefined, run: () => Promise<Problem>): ConformanceCheck {
  const fail = (problem: string, cause?: unknown): Error => testkitErrors.TESTKIT_CONFORMANCE({ technique: technique.name, check, example, problem }, cause);
  return {
    name: example === undefined ? check : `${check} (${example})`,
    async run() {
      const problem = await run().catch((error: unknown) => {
        throw fail(`it throws: ${wordsOf(error)}`, error);
      });
      if (problem !== undefined) throw fail(problem);
    },
  };
}

/** What test runners have in common. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/** Registers the checks with a test runner: `registerConformance(prune, { examples }, { describe, it })`. */
export function registerConformance(technique: AnyTechnique, options: ConformanceOptions, { describe, it }: TestRunner): void {
  describe(`conformance of ${technique.name}`, () => {
    for (const { name, run } of conformance(technique, options)) it(name, run);
  });
}
