/** `StepInput`: one field per technique, exactly one of which is given. Its types follow from the JSON Schemas of the techniques' options. */
import type { Json, JsonSchema } from "@lathe/core";
import type { InputFieldRef, InputRef } from "@pothos/core";
import type { RecipeStepJson } from "../jobs/model.ts";
import type { Offer, OfferedTechnique } from "../techniques/offer.ts";
import type { Builder, Types } from "./builder.ts";

/** "prune-channels" -> "pruneChannels" */
export const camel = (name: string): string => name.replaceAll(/-([a-z0-9])/g, (_, c: string) => c.toUpperCase());
const pascal = (name: string): string => camel(`-${name}`).replaceAll(/[^A-Za-z0-9]/g, "");

/** What a property becomes: a type of GraphQL, in a list or not. */
interface Kind {
  readonly type: InputRef<unknown> | "Int" | "Float" | "String" | "Boolean" | "JSON";
  readonly list: boolean;
}

export type StepInputRef = InputRef<Record<string, unknown>>;

export function stepInput(builder: Builder, offer: Offer): StepInputRef {
  const ref = builder.inputRef<Record<string, unknown>>("StepInput");
  const types = offer.techniques.map((technique) => ({ technique, type: techniqueInput(builder, technique, ref) }));
  return ref.implement({
    description: "One step: exactly one of the techniques with its options.",
    isOneOf: true,
    fields: (t) => Object.fromEntries(types.map(({ technique, type }) => [camel(technique.name), t.field({ type, description: technique.summary })])) as Record<string, InputFieldRef<Types, never>>,
  }) as StepInputRef;
}

function techniqueInput(builder: Builder, { name, summary, schema, takesSteps }: OfferedTechnique, step: StepInputRef): InputRef<unknown> {
  return objectInput(builder, `${pascal(name)}Input`, `Options of ${name}. ${summary}`, schema, takesSteps ? step : undefined);
}

function objectInput(builder: Builder, name: string, description: string, schema: JsonSchema, step?: StepInputRef): InputRef<unknown> {
  const properties = Object.entries((schema["properties"] ?? {}) as Record<string, JsonSchema>).filter(([key]) => isName(key));
  const needed = new Set((schema["required"] ?? []) as readonly string[]);
  const kinds = properties.map(([key, property]) => ({ key, property, kind: kindOf(builder, `${name.replace(/Input$/, "")}${pascal(key)}`, property) }));
  return builder.inputType(name, {
    description,
    fields: (t) => {
      const fields: Record<string, unknown> = {};
      for (const { key, property, kind } of kinds) {
        const type = kind.list ? [kind.type] : kind.type;
        fields[key] = t.field({ type: type as never, required: needed.has(key) as never, description: descriptionOf(key, property) });
      }
      if (step) fields["steps"] = t.field({ type: [step], required: true, description: "The steps inside, run in order." });
      // An input type must have a field.
      if (Object.keys(fields).length === 0) fields["enabled"] = t.boolean({ description: "This technique has no options; write `{}` or `{ enabled: true }`." });
      return fields as Record<string, InputFieldRef<Types, never>>;
    },
  }) as InputRef<unknown>;
}

/** Wrappers that allow null are looked through; what GraphQL's types cannot say is JSON, and the schema of the technique checks it. */
function kindOf(builder: Builder, name: string, given: JsonSchema): Kind {
  const schema = withoutNull(given);
  const { type, items, properties } = schema as { type?: unknown; items?: JsonSchema; properties?: unknown };
  const choices = schema["enum"];
  if (type === "array" && items && typeof items === "object") {
    const item = kindOf(builder, name, items);
    return item.list ? { type: "JSON", list: false } : { type: item.type, list: true };
  }
  if (Array.isArray(choices) && choices.every((c) => typeof c === "string")) return { type: enumType(builder, name, choices as string[]), list: false };
  if (type === "object" && properties && Object.keys(properties).every(isName) && Object.keys(properties).length > 0) {
    return { type: objectInput(builder, `${name}Input`, String(schema["description"] ?? "Options."), schema), list: false };
  }
  const plain = { integer: "Int", number: "Float", string: "String", boolean: "Boolean" } as const;
  return { type: typeof type === "string" && type in plain ? plain[type as keyof typeof plain] : "JSON", list: false };
}

function withoutNull(schema: JsonSchema): JsonSchema {
  const { type } = schema;
  if (Array.isArray(type)) {
    const real = type.filter((t) => t !== "null");
    return real.length === 1 ? { ...schema, type: real[0] as string } : schema;
  }
  const any = (schema["anyOf"] ?? schema["oneOf"]) as JsonSchema[] | undefined;
  if (!Array.isArray(any)) return schema;
  const real = any.filter((s) => s["type"] !== "null");
  return real.length === 1 ? { ...real[0], description: schema["description"] ?? real[0]!["description"] } : schema;
}

const isName = (text: string): boolean => /^[A-Za-z][A-Za-z0-9_]*$/.test(text);

/** "x64-vnni" -> X64_VNNI, the one rule by which choices of options become names of GraphQL; undefined where two would become the same, and then the option is a String. */
export function choiceNames(choices: readonly string[]): readonly string[] | undefined {
  const names = choices.map((c) => c.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_").replace(/^(?=[0-9])/, "_"));
  return new Set(names).size < names.length || names.some((n) => !/^[A-Z_][A-Z0-9_]*$/.test(n)) ? undefined : names;
}

function enumType(builder: Builder, name: string, choices: readonly string[]): InputRef<unknown> | "String" {
  const names = choiceNames(choices);
  if (!names) return "String";
  const values = Object.fromEntries(choices.map((value, i) => [names[i]!, { value, description: `"${value}" in recipes, in the JSON Schema and on the command line.` }]));
  return builder.enumType(name, { description: "Choices of an option: the words of its JSON Schema in capitals, with _ for everything but letters and digits.", values }) as unknown as InputRef<unknown>;
}

function descriptionOf(key: string, schema: JsonSchema): string {
  const said = schema["description"] === undefined ? `The option "${key}".` : sentence(String(schema["description"]));
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema as Record<string, number | undefined>;
  const bounds = [
    minimum !== undefined ? `from ${minimum}` : exclusiveMinimum !== undefined ? `above ${exclusiveMinimum}` : undefined,
    maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? `to ${maximum}` : exclusiveMaximum !== undefined && exclusiveMaximum < Number.MAX_SAFE_INTEGER ? `below ${exclusiveMaximum}` : undefined,
  ].filter((b) => b !== undefined);
  const fallback = schema["default"] === undefined ? "" : ` Default: ${JSON.stringify(schema["default"])}.`;
  return `${said}${bounds.length === 0 ? "" : ` Range: ${bounds.join(" ")}.`}${fallback}`;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

/** Step inputs as a recipe. Null stands for "not given". */
export function toRecipe(inputs: readonly Readonly<Record<string, unknown>>[], offer: Offer): RecipeStepJson[] {
  return inputs.map((input) => {
    const [field, given] = Object.entries(input).find(([, value]) => value !== null && value !== undefined)!;
    const { name, takesSteps, schema } = offer.techniques.find((t) => camel(t.name) === field)!;
    const { steps, ...rest } = given as Record<string, unknown>;
    const options = present(takesSteps ? rest : (given as Record<string, unknown>), schema) as Json;
    return { use: name, with: options, ...(takesSteps ? { steps: toRecipe(steps as Record<string, unknown>[], offer) } : {}) };
  });
}

/** Only what the schema names as a property loses its nulls: inside free JSON a null means something. */
function present(value: Readonly<Record<string, unknown>>, given: JsonSchema): Record<string, unknown> {
  const properties = (withoutNull(given)["properties"] ?? {}) as Record<string, JsonSchema>;
  const known = Object.entries(value).filter(([key, v]) => key in properties && v !== null && v !== undefined);
  return Object.fromEntries(known.map(([key, v]) => [key, isRecord(v) && withoutNull(properties[key]!)["properties"] ? present(v, properties[key]!) : v]));
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** The way back: a recipe as `StepInput` takes it. A technique that is not offered any more keeps its options as they are. */
export function toInputs(recipe: readonly RecipeStepJson[], offer: Offer): Record<string, unknown>[] {
  return recipe.map(({ use, with: options = {}, steps }) => {
    const schema = offer.byName(use)?.schema;
    const named = schema ? (nameChoices(options, schema) as Record<string, unknown>) : options;
    return { [camel(use)]: { ...(named as Record<string, unknown>), ...(steps ? { steps: toInputs(steps, offer) } : {}) } };
  });
}

function nameChoices(value: unknown, given: JsonSchema): unknown {
  const schema = withoutNull(given);
  const { items, properties } = schema as { items?: JsonSchema; properties?: Record<string, JsonSchema> };
  const choices = schema["enum"];
  if (Array.isArray(choices) && typeof value === "string" && choices.every((c) => typeof c === "string")) return choiceNames(choices as string[])?.[choices.indexOf(value)] ?? value;
  // What is JSON in `StepInput` stays as it is.
  if (Array.isArray(value) && schema["type"] === "array" && items && withoutNull(items)["type"] !== "array") return value.map((v) => nameChoices(v, items));
  if (isRecord(value) && properties && Object.keys(properties).every(isName)) return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, properties[key] ? nameChoices(v, properties[key]) : v]));
  return value;
}
