/** Recipes: pipelines as plain JSON, for files, command lines and services. */
import { techniqueErrors } from "./errors.ts";
import { pipeline, type Pipeline } from "./pipeline.ts";
import { jsonSchemaOf } from "./describe.ts";
import type { JsonSchema } from "./standard-schema.ts";
import { nearestName } from "./suggest.ts";
import type { AnyTechnique, Json, Step } from "./contract.ts";
import { checkTechnique } from "./technique.ts";

export interface RecipeStep {
  /** Name of the technique. */
  readonly use: string;
  /** Its options; may be left out when all have defaults. */
  readonly with?: Json;
  /** Steps inside, for techniques that take steps. */
  readonly steps?: readonly RecipeStep[];
}

export type Recipe = readonly RecipeStep[];

/**
 * Makes the pipeline that a recipe describes. Only the techniques given can be used.
 *
 * @example fromRecipe([prune, quantize], [{ use: "prune", with: { ratio: 0.3 } }, { use: "quantize" }])
 * @throws RECIPE_INVALID, RECIPE_UNKNOWN_TECHNIQUE, RECIPE_DUPLICATE_TECHNIQUE, OPTIONS_INVALID, NOT_A_TECHNIQUE
 */
export function fromRecipe(techniques: readonly AnyTechnique[], recipe: unknown): Pipeline {
  const offered = byName(techniques);
  return pipeline(...readSteps(recipe, "the top", offered));
}

/**
 * The recipe of a pipeline; `fromRecipe(techniques, toRecipe(p))` makes the same pipeline.
 * @throws RECIPE_NOT_JSON when an option is a function, a class instance or another thing that JSON cannot hold.
 */
export function toRecipe(source: Pipeline | readonly Step[]): Recipe {
  const steps = "steps" in source ? source.steps : source;
  return steps.map((step) => ({
    use: step.name,
    ...(step.given === undefined ? {} : { with: plain(step.given, step.name, "at the top") }),
    ...(step.steps.length === 0 ? {} : { steps: toRecipe(step.steps) }),
  }));
}

/** JSON Schema (draft 2020-12) of the recipes that these techniques allow, for editors and service descriptions. */
export function recipeSchema(techniques: readonly AnyTechnique[]): JsonSchema {
  const steps = { type: "array", minItems: 1, items: { $ref: "#/$defs/step" } };
  const anyOf = [...byName(techniques).values()].map((technique) => {
    const { $schema: _, ...options } = jsonSchemaOf(technique);
    const required = ["use", ...(Array.isArray(options["required"]) && options["required"].length > 0 ? ["with"] : []), ...(technique.takesSteps ? ["steps"] : [])];
    const properties = { use: { const: technique.name, description: technique.summary }, with: resource(technique.name, options), ...(technique.takesSteps ? { steps } : {}) };
    return { type: "object", properties, required, additionalProperties: false };
  });
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...steps, $defs: { step: { anyOf } } };
}

/** With an identifier of its own, "#/$defs/..." inside the options means the options' definitions, not the recipe's. */
const resource = (name: string, options: JsonSchema): JsonSchema => ("$defs" in options ? { $id: `urn:lathe:technique:${name}`, ...options } : options);

function byName(techniques: readonly AnyTechnique[]): ReadonlyMap<string, AnyTechnique> {
  const offered = new Map<string, AnyTechnique>();
  for (const technique of techniques) {
    checkTechnique(technique);
    const known = offered.get(technique.name);
    if (known && known !== technique) throw techniqueErrors.RECIPE_DUPLICATE_TECHNIQUE({ technique: technique.name });
    offered.set(technique.name, technique);
  }
  return offered;
}

function readSteps(recipe: unknown, at: string, offered: ReadonlyMap<string, AnyTechnique>): Step[] {
  if (!Array.isArray(recipe)) throw techniqueErrors.RECIPE_INVALID({ at, expected: "a list of steps", received: typeName(recipe) });
  if (recipe.length === 0) throw techniqueErrors.RECIPE_INVALID({ at, expected: "at least one step", received: "an empty list" });
  return recipe.map((entry: unknown, i) => readStep(entry, at === "the top" ? `step ${i + 1}` : `${at}.${i + 1}`, offered));
}

function readStep(entry: unknown, at: string, offered: ReadonlyMap<string, AnyTechnique>): Step {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    throw techniqueErrors.RECIPE_INVALID({ at, expected: '{ "use": name, "with"?: options }', received: typeName(entry) });
  }
  const { use, with: options, steps, ...rest } = entry as Record<string, unknown>;
  const [stray] = Object.keys(rest);
  if (stray !== undefined) throw techniqueErrors.RECIPE_INVALID({ at, expected: '"use", "with" and "steps" alone', received: `the key "${stray}"` });
  if (typeof use !== "string") throw techniqueErrors.RECIPE_INVALID({ at, expected: 'a technique name in "use"', received: typeName(use) });
  const technique = offered.get(use);
  if (!technique) {
    const known = [...offered.keys()];
    throw techniqueErrors.RECIPE_UNKNOWN_TECHNIQUE({ use, at, known, meant: nearestName(use, known) });
  }
  if (technique.takesSteps) return technique.bind(options, readSteps(steps, at, offered));
  if (steps !== undefined) throw techniqueErrors.RECIPE_INVALID({ at, expected: `no "steps" for "${use}"`, received: typeName(steps) });
  return technique.bind(options);
}

const typeName = (value: unknown): string => (value === undefined ? "nothing" : value === null ? "null" : Array.isArray(value) ? "a list" : `a value of type ${typeof value}`);

/** A copy as JSON data; refuses what would not come back the same. */
function plain(value: unknown, technique: string, at: string): Json {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const below = (key: string | number): string => (at === "at the top" ? String(key) : `${at}.${key}`);
  if (Array.isArray(value)) return value.map((item, i) => plain(item, technique, below(i)));
  const prototype: unknown = typeof value === "object" ? Object.getPrototypeOf(value) : undefined;
  if (prototype === Object.prototype || prototype === null) {
    const present = Object.entries(value as object).filter(([, v]) => v !== undefined);
    return Object.fromEntries(present.map(([key, v]) => [key, plain(v, technique, below(key))]));
  }
  const received = typeof value === "object" ? `an instance of ${(value as object).constructor.name}` : typeof value === "number" ? String(value) : `a ${typeof value}`;
  throw techniqueErrors.RECIPE_NOT_JSON({ technique, at, received });
}
