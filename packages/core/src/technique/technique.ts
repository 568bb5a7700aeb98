/** Makes techniques and steps, and recognises those of other copies of core. */
import type { Model } from "../ir/model.ts";
import {
  TECHNIQUE_API_VERSION, type AnyTechnique, type Applied, type CompositeTechnique, type NeedsOf, type OptionArgs, type Step, type Technique, type TechniqueContext,
  type TechniqueSpec,
} from "./contract.ts";
import { techniqueErrors } from "./errors.ts";
import type { ServiceName } from "./services.ts";
import { checkOptions, type SchemaInput, type SchemaOutput, type StandardSchemaV1 } from "./standard-schema.ts";

/**
 * Makes a technique. Types of options and services are inferred from `options` and `needs`.
 *
 * @example
 * const halve = defineTechnique({
 *   name: "halve", summary: "Stores weights as float16.",
 *   options: z.object({ keep: z.array(z.string()).default([]) }),
 *   apply(model, { keep }) { ... },
 * });
 * pipeline(halve()).run(model);
 * @throws TECHNIQUE_NAME, TECHNIQUE_API_VERSION
 */
export function defineTechnique<S extends StandardSchemaV1, const N extends ServiceName = never>(
  spec: TechniqueSpec<S, N>,
): Technique<SchemaInput<S>, SchemaOutput<S>, N> {
  const call = (...[options]: OptionArgs<SchemaInput<S>>): Step<N> => bind(technique, options, []) as Step<N>;
  const technique = complete<Technique<SchemaInput<S>, SchemaOutput<S>, N>>(call, spec, false);
  return technique;
}

/** Makes a technique over other steps, which it finds in `ctx.steps` and runs with `ctx.run`. */
export function defineComposite<S extends StandardSchemaV1, const N extends ServiceName = never>(
  spec: TechniqueSpec<S, N>,
): CompositeTechnique<SchemaInput<S>, SchemaOutput<S>, N> {
  const call = <T extends readonly Step[]>(options: SchemaInput<S>, ...steps: T): Step<N | NeedsOf<T>> =>
    bind(technique, options, steps) as Step<N | NeedsOf<T>>;
  const technique = complete<CompositeTechnique<SchemaInput<S>, SchemaOutput<S>, N>>(call, spec, true);
  return technique;
}

/** Puts the fields of a technique on the function that callers call. */
function complete<T extends AnyTechnique>(call: object, spec: AnySpec, takesSteps: boolean): T {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(spec.name)) throw techniqueErrors.TECHNIQUE_NAME({ received: spec.name });
  const apiVersion = spec.apiVersion ?? TECHNIQUE_API_VERSION;
  checkVersion(spec.name, apiVersion);
  const facts = { kind: "lathe.technique", apiVersion, takesSteps, needs: spec.needs ?? [], expects: spec.expects ?? [], ensures: spec.ensures ?? [] };
  const { name, summary, options } = spec;
  const methods = {
    apply: spec.apply.bind(spec),
    bind: (given?: unknown, steps?: readonly Step[]) => bind(technique, given, steps ?? []),
  };
  // A function's own `name` and `bind` cannot be assigned, only redefined.
  const fields = Object.entries({ name, summary, options, ...facts, ...methods });
  const technique = Object.defineProperties(call, Object.fromEntries(fields.map(([key, value]) => [key, { value, enumerable: true }]))) as T;
  return Object.freeze(technique);
}

/** A spec with its option types forgotten. */
type AnySpec = Pick<AnyTechnique, "name" | "summary" | "options"> & {
  readonly apiVersion?: number;
  readonly needs?: readonly ServiceName[];
  readonly expects?: AnyTechnique["expects"];
  readonly ensures?: AnyTechnique["ensures"];
  apply(model: Model, options: unknown, ctx: TechniqueContext<ServiceName>): Applied;
};

function bind(technique: AnyTechnique, given: unknown, steps: readonly Step[]): Step {
  if (technique.takesSteps && steps.length === 0) throw techniqueErrors.PIPELINE_EMPTY({ what: `"${technique.name}"` });
  steps.forEach(checkStep);
  const options = checkOptions(technique.name, technique.options, given);
  // An asynchronous check reports when the step runs; until then its failure must not count as unhandled.
  if (options instanceof Promise) options.catch(() => undefined);
  const needs = [...new Set([...technique.needs, ...steps.flatMap((step) => step.needs)])];
  return Object.freeze({ kind: "lathe.step", apiVersion: TECHNIQUE_API_VERSION, name: technique.name, technique, given, options, needs, steps });
}

/** @throws TECHNIQUE_API_VERSION */
function checkVersion(technique: string, received: unknown): void {
  if (received !== TECHNIQUE_API_VERSION) throw techniqueErrors.TECHNIQUE_API_VERSION({ technique, expected: TECHNIQUE_API_VERSION, received });
}

/** True for a technique of any copy and version of core. */
export const isTechnique = (value: unknown): value is AnyTechnique => kindOf(value) === "lathe.technique";

/** @throws NOT_A_TECHNIQUE, TECHNIQUE_API_VERSION */
export function checkTechnique(value: unknown): asserts value is AnyTechnique {
  if (!isTechnique(value)) throw techniqueErrors.NOT_A_TECHNIQUE({ received: valueText(value) });
  checkVersion(value.name, value.apiVersion);
}

/** @throws NOT_A_STEP, TECHNIQUE_API_VERSION */
export function checkStep(value: unknown): asserts value is Step {
  if (kindOf(value) !== "lathe.step") throw techniqueErrors.NOT_A_STEP({ received: valueText(value) });
  const step = value as Step;
  checkVersion(step.name, step.apiVersion);
}

const kindOf = (value: unknown): unknown =>
  (typeof value === "object" && value !== null) || typeof value === "function" ? (value as { kind?: unknown }).kind : undefined;

/** What error messages call a value that is not what it should be. */
export function valueText(value: unknown): string {
  if (isTechnique(value)) return `The technique "${value.name}"`;
  if (Array.isArray(value)) return "An array";
  if (value === null || typeof value !== "object") return typeof value === "string" ? `"${value}"` : String(value).split("\n")[0]!;
  return `An object with ${Object.keys(value).slice(0, 5).join(", ") || "no keys"}`;
}
