/** Checks of the technique as a value: its shape and what it says of its options. */
import { jsonSchemaOf, TECHNIQUE_API_VERSION, type AnyTechnique, type JsonSchema } from "@lathe/core";
import { jsonProblem } from "./json.ts";
import { codeOf, type ConformanceExample, type ConformanceOptions, type Trial } from "./subject.ts";

/** A sentence about what is wrong, or undefined. */
export type Problem = string | undefined;

export function shape(technique: AnyTechnique): Problem {
  const { kind, apiVersion, name, summary, options, needs, expects, ensures, apply, bind } = technique;
  if (kind !== "lathe.technique") return `its kind is ${JSON.stringify(kind)}`;
  if (apiVersion !== TECHNIQUE_API_VERSION) return `its apiVersion is ${apiVersion}, not ${TECHNIQUE_API_VERSION}`;
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) return `"${name}" is not made of lower-case words joined by dashes`;
  if (!/^\S.*\.$/.test(summary)) return "its summary is not one line that ends with a full stop";
  if (options?.["~standard"]?.version !== 1) return "its options are no Standard Schema";
  if (![needs, expects, ensures].every(Array.isArray)) return "needs, expects or ensures is no array";
  if (typeof apply !== "function" || typeof bind !== "function") return "apply or bind is no function";
  return undefined;
}

export function describedOptions(technique: AnyTechnique): Problem {
  const schema = jsonSchemaOf(technique);
  const problem = jsonProblem(schema);
  if (problem !== undefined) return `its JSON Schema is no JSON: ${problem}`;
  const bare = Object.entries(propertiesOf(schema)).filter(([, property]) => typeof property["description"] !== "string").map(([name]) => name);
  return bare.length === 0 ? undefined : `these options have no description: ${bare.join(", ")}`;
}

/** What the JSON Schema calls the default is what callers get. */
export async function defaults({ technique, example }: Trial): Promise<Problem> {
  for (const [name, property] of Object.entries(propertiesOf(jsonSchemaOf(technique)))) {
    if (!("default" in property)) continue;
    const { [name]: _, ...rest } = (example.options ?? {}) as Record<string, unknown>;
    const bound = await bindQuietly(technique, rest, example);
    // Leaving it out may contradict another option; that is the schema's right.
    if (!("options" in bound)) continue;
    const used = (bound.options as Record<string, unknown>)[name];
    if (JSON.stringify(used) !== JSON.stringify(property["default"])) {
      return `the default of "${name}" is ${JSON.stringify(property["default"])} in its JSON Schema but ${JSON.stringify(used)} in use`;
    }
  }
  return undefined;
}

export async function refusesBadOptions(technique: AnyTechnique, { examples, invalid = [] }: ConformanceOptions): Promise<Problem> {
  const [example] = examples;
  const good = (example?.options ?? {}) as Record<string, unknown>;
  const bad: unknown[] = [...invalid, "text", ["list"], null, { ...good, "no-such-option": 1 }];
  for (const [name, property] of Object.entries(propertiesOf(jsonSchemaOf(technique)))) {
    const wrong = valueOfWrongType(property);
    if (wrong !== undefined) bad.push({ ...good, [name]: wrong });
  }
  for (const options of bad) {
    const bound = await bindQuietly(technique, options, example);
    if ("options" in bound) return `it takes the options ${JSON.stringify(options)}`;
    if (codeOf(bound.error) !== "OPTIONS_INVALID") return `it refuses the options ${JSON.stringify(options)} with the code ${String(codeOf(bound.error))} instead of OPTIONS_INVALID`;
  }
  return undefined;
}

async function bindQuietly(technique: AnyTechnique, options: unknown, example: ConformanceExample | undefined): Promise<{ options: unknown } | { error: unknown }> {
  try {
    return { options: await technique.bind(options, example?.steps).options };
  } catch (error) {
    return { error };
  }
}

type Property = Readonly<Record<string, unknown>>;

const propertiesOf = (schema: JsonSchema): Readonly<Record<string, Property>> => (schema["properties"] ?? {}) as Record<string, Property>;

/** A value of a type that the option does not list; undefined when it takes any, or does not say. */
function valueOfWrongType(property: Property): unknown {
  const taken = typesOf(property);
  if (taken.size === 0) return undefined;
  const candidates: readonly (readonly [string, unknown])[] = [["object", { wrong: true }], ["string", "no such value"], ["boolean", true], ["number", 1e300]];
  return candidates.find(([type]) => !taken.has(type))?.[1];
}

function typesOf(property: Property): ReadonlySet<string> {
  const { type, anyOf, oneOf, enum: values } = property as { type?: string | string[]; anyOf?: Property[]; oneOf?: Property[]; enum?: unknown[] };
  const own = [type ?? []].flat().map((t) => (t === "integer" ? "number" : t));
  const nested = [...(anyOf ?? []), ...(oneOf ?? [])].map(typesOf);
  // One branch that does not say what it takes may take anything.
  if (nested.some((types) => types.size === 0)) return new Set();
  const listed = (values ?? []).map((value) => typeof value);
  return new Set([...own, ...listed, ...nested.flatMap((types) => [...types])]);
}
