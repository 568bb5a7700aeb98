/** The steps that the user puts together, and what the gateway is sent of them. */
import type { Json, JsonSchema, RecipeStep, Technique } from "../api/types.ts";
import { propertiesOf, withoutNull } from "./schema.ts";

export type Options = Readonly<Record<string, Json | undefined>>;

export interface Draft {
  /** Tells drafts apart while they are moved around. */
  readonly id: number;
  readonly technique: Technique;
  /** Only what was set; all else keeps its default. */
  readonly options: Options;
  readonly steps: readonly Draft[];
}

let drafts = 0;

export const newDraft = (technique: Technique): Draft => ({ id: ++drafts, technique, options: {}, steps: [] });

/** Drafts of a recipe that ran before; undefined when one of its techniques is not on offer any more. */
export function draftsOf(recipe: readonly RecipeStep[], techniques: readonly Technique[]): Draft[] | undefined {
  const made = recipe.map(({ use, with: options, steps }) => {
    const technique = techniques.find((t) => t.name === use);
    const inner = draftsOf(steps ?? [], techniques);
    return technique && inner ? { ...newDraft(technique), options: (options ?? {}) as Options, steps: inner } : undefined;
  });
  return made.every((draft) => draft !== undefined) ? made : undefined;
}

/** As recipe files and the command line have it. */
export const recipeOf = (list: readonly Draft[]): RecipeStep[] =>
  list.map(({ technique, options, steps }) => ({
    use: technique.name,
    ...(Object.keys(present(options)).length > 0 ? { with: present(options) } : {}),
    ...(technique.takesSteps ? { steps: recipeOf(steps) } : {}),
  }));

/** As the type StepInput of the API has it. */
export const stepInputsOf = (list: readonly Draft[]): Readonly<Record<string, Json>>[] =>
  list.map(({ technique, options, steps }) => ({
    [technique.input]: {
      ...(inputOf(technique.options, present(options)) as Record<string, Json>),
      ...(technique.takesSteps ? { steps: stepInputsOf(steps) as Json } : {}),
    },
  }));

const present = (options: Options): Record<string, Json> => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Record<string, Json>;

/**
 * The same value for GraphQL: words of an enumeration become its names, wherever the API has an enumeration for them. Inside of what it
 * takes as free JSON words stay words.
 */
export function inputOf(given: JsonSchema, value: Json): Json {
  const schema = withoutNull(given);
  if (Array.isArray(value)) {
    const items = schema["items"] as JsonSchema | undefined;
    return isList(schema) && items ? value.map((item) => inputOf(items, item)) : value;
  }
  if (typeof value === "string") return enumName(schema, value);
  if (typeof value !== "object" || value === null) return value;
  const properties = propertiesOf(schema);
  if (schema["type"] !== "object" || properties.length === 0 || !properties.every(([name]) => isName(name))) return value;
  return Object.fromEntries(Object.entries(value as Record<string, Json>).map(([name, inner]) => [name, inputOf(properties.find(([key]) => key === name)?.[1] ?? {}, inner)]));
}

const isName = (text: string): boolean => /^[A-Za-z][A-Za-z0-9_]*$/.test(text);

/** Lists of lists are free JSON. */
function isList(schema: JsonSchema): boolean {
  const items = schema["items"] as JsonSchema | undefined;
  return schema["type"] === "array" && typeof items === "object" && !isList(withoutNull(items));
}

function enumName(schema: JsonSchema, value: string): string {
  const choices = schema["enum"] as readonly Json[] | undefined;
  if (!choices?.includes(value) || !choices.every((choice) => typeof choice === "string")) return value;
  const nameOf = (choice: string): string => choice.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_").replace(/^(?=[0-9])/, "_");
  const names = choices.map(nameOf);
  // Where words make no distinct names the API takes them as plain text.
  const usable = new Set(names).size === names.length && names.every((name) => /^[A-Z_][A-Z0-9_]*$/.test(name));
  return usable ? nameOf(value) : value;
}
