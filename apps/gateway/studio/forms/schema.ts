/** Reads the JSON Schema of a technique's options as a list of fields. What no field can show is edited as JSON. */
import type { Json, JsonSchema } from "../api/types.ts";

interface Base {
  readonly key: string;
  readonly description: string;
  readonly required: boolean;
  /** What holds when nothing is given. */
  readonly fallback: Json | undefined;
}

type Kind =
  | { readonly kind: "boolean" }
  | { readonly kind: "text" }
  /** A list of texts. */
  | { readonly kind: "lines" }
  | { readonly kind: "json" }
  | { readonly kind: "number"; readonly integer: boolean; readonly minimum: number | undefined; readonly maximum: number | undefined; readonly above: number | undefined; readonly below: number | undefined }
  | { readonly kind: "choice"; readonly choices: readonly Json[] }
  /** Any number of them. */
  | { readonly kind: "choices"; readonly choices: readonly Json[] }
  | { readonly kind: "group"; readonly fields: readonly Field[] };

export type Field = Base & Kind;

export const propertiesOf = (schema: JsonSchema): readonly (readonly [string, JsonSchema])[] => Object.entries((schema["properties"] ?? {}) as Record<string, JsonSchema>);

export function fieldsOf(schema: JsonSchema): Field[] {
  const required = new Set((schema["required"] ?? []) as readonly string[]);
  return propertiesOf(schema).map(([key, property]) => ({
    key,
    description: String(property["description"] ?? ""),
    required: required.has(key),
    fallback: property["default"] as Json | undefined,
    ...kindOf(property),
  }));
}

/** A schema that also allows null is read as the other one: leaving the field out says the same. */
export function withoutNull(schema: JsonSchema): JsonSchema {
  const any = (schema["anyOf"] ?? schema["oneOf"]) as readonly JsonSchema[] | undefined;
  const real = any?.filter((one) => one["type"] !== "null") ?? [];
  return real.length === 1 ? real[0]! : schema;
}

function kindOf(given: JsonSchema): Kind {
  const schema = withoutNull(given);
  const choices = schema["enum"] as readonly Json[] | undefined;
  if (choices) return { kind: "choice", choices };
  switch (typeOf(schema)) {
    case "boolean":
      return { kind: "boolean" };
    case "integer":
    case "number":
      return numberKind(schema);
    case "string":
      return { kind: "text" };
    case "array":
      return listKind(withoutNull((schema["items"] ?? {}) as JsonSchema));
    case "object":
      return propertiesOf(schema).length > 0 ? { kind: "group", fields: fieldsOf(schema) } : { kind: "json" };
    default:
      return { kind: "json" };
  }
}

/** A list of types that allows null is read as the other one, too. */
function typeOf(schema: JsonSchema): unknown {
  const types = [schema["type"] ?? []].flat().filter((type) => type !== "null");
  return types.length === 1 ? types[0] : undefined;
}

function numberKind(schema: JsonSchema): Kind {
  // The largest whole number that a double holds exactly is no bound worth telling.
  const bound = (name: string): number | undefined => {
    const value = schema[name];
    return typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined;
  };
  return { kind: "number", integer: typeOf(schema) === "integer", minimum: bound("minimum"), maximum: bound("maximum"), above: bound("exclusiveMinimum"), below: bound("exclusiveMaximum") };
}

function listKind(items: JsonSchema): Kind {
  const choices = items["enum"] as readonly Json[] | undefined;
  if (choices) return { kind: "choices", choices };
  return items["type"] === "string" ? { kind: "lines" } : { kind: "json" };
}

/** The bounds of a number in words; empty when there are none. */
export function boundsOf(field: Field): string {
  if (field.kind !== "number") return "";
  const { minimum, maximum, above, below } = field;
  const low = minimum !== undefined ? `from ${minimum}` : above !== undefined ? `above ${above}` : "";
  const high = maximum !== undefined ? `to ${maximum}` : below !== undefined ? `below ${below}` : "";
  return [low, high].filter((text) => text !== "").join(" ");
}
