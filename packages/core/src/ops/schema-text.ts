/**
 * Operator signatures as short texts, one per operator-set version:
 *
 *   "X:T W:T B:T? -> Y:T | group:int=1 pads:ints mode:string! | T: floats bfloat16; I: int64"
 *
 * Three parts: inputs -> outputs | attributes | type variables.
 * - Parameters are `name:type`, where the type is a type variable or a type; `?` optional, `*` variadic from 0, `+` variadic
 *   from 1, `*3` variadic from 3, and a closing `~` when a variadic parameter may mix types.
 * - Attributes are `name:kind`, then `!` when required or `=default`.
 * - Type variables list types and groups of types (see `groups`); `seq(...)` and `optional(...)` apply to a group's members.
 *
 * A later version says only what differs: an empty part is as before; attributes that all begin with + or - are added or taken
 * out; `T+:` adds types to a variable. A text that begins with "deprecated" marks the operator as withdrawn from then on.
 * Source of all signatures: the operator schemas of ONNX and, for com.microsoft, of ONNX Runtime 1.30.
 */
import type { AttributeSchema, OpSchema, Parameter } from "./op.ts";

const groups: Readonly<Record<string, string>> = {
  floats: "float16 float32 float64",
  ints: "int8 int16 int32 int64",
  uints: "uint8 uint16 uint32 uint64",
  reals: "floats ints uints",
  complexes: "complex64 complex128",
  float8s: "float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz",
  int4s: "int4 uint4",
  int2s: "int2 uint2",
  any: "reals bool string complexes",
};

/** Parses the versions of one operator, oldest first. */
export function parseSchemas(since: Readonly<Record<number, string>>): readonly OpSchema[] {
  const all: OpSchema[] = [];
  for (const [version, text] of Object.entries(since)) all.push(parseSchema(Number(version), text, all.at(-1)));
  return all;
}

function parseSchema(since: number, text: string, before: OpSchema | undefined): OpSchema {
  const deprecated = text.startsWith("deprecated");
  const [signature = "", attributes = "", types = ""] = (deprecated ? text.slice("deprecated".length) : text).split("|").map((part) => part.trim());
  const [ins = "", outs = ""] = signature.split("->");
  const inputs = signature === "" && before ? before.inputs : words(ins).map(parseParameter);
  const outputs = signature === "" && before ? before.outputs : words(outs).map(parseParameter);
  const variables = parseTypes(types, before?.types);
  const used = new Set([...inputs, ...outputs].map((p) => p.type));
  return {
    since, deprecated, inputs, outputs,
    attributes: parseAttributes(attributes, before?.attributes),
    types: new Map([...variables].filter(([name]) => used.has(name))),
  };
}

const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");

function parseParameter(word: string): Parameter {
  const [, name = "", type = "", mark = ""] = /^([^:]+):([^?*+~]+)(.*)$/.exec(word) ?? [];
  if (mark === "" || mark === "?") return { name, type, option: mark === "?" ? "optional" : "single", homogeneous: true, min: 0 };
  return { name, type, option: "variadic", homogeneous: !mark.endsWith("~"), min: mark.startsWith("+") ? 1 : Number(mark.replace(/\D/g, "")) };
}

function parseAttributes(text: string, before: OpSchema["attributes"] | undefined): OpSchema["attributes"] {
  if (text === "" && before) return before;
  const list = words(text);
  const all = new Map(list.every((word) => /^[+-]/.test(word)) ? before : []);
  for (const word of list) {
    if (word.startsWith("-")) all.delete(word.slice(1));
    else {
      const attribute = parseAttribute(word.replace(/^\+/, ""));
      all.set(attribute.name, attribute);
    }
  }
  return all;
}

function parseAttribute(word: string): AttributeSchema {
  const [, name = "", kind = "", rest = ""] = /^(\w+):(\w+)(.*)$/.exec(word) ?? [];
  const attribute = { name, kind: kind as AttributeSchema["kind"], required: rest === "!" };
  return rest.startsWith("=") ? { ...attribute, default: parseDefault(attribute.kind, rest.slice(1)) } : attribute;
}

function parseDefault(kind: AttributeSchema["kind"], text: string): NonNullable<AttributeSchema["default"]> {
  if (kind.endsWith("s")) {
    const parts = text.split(",");
    return kind === "strings" ? parts : parts.map(Number);
  }
  return kind === "string" ? text : Number(text);
}

function parseTypes(text: string, before: OpSchema["types"] | undefined): OpSchema["types"] {
  const all = new Map(before);
  if (text === "") return all;
  for (const part of text.split(";")) {
    const [head = "", list = ""] = part.split(":").map((s) => s.trim());
    const name = head.replace(/\+$/, "");
    const types = words(list).flatMap(expandType);
    all.set(name, head.endsWith("+") ? [...(all.get(name) ?? []), ...types] : types);
  }
  return all;
}

const expanded = new Map<string, readonly string[]>();

/** The types that a word of a type list stands for. */
function expandType(word: string): readonly string[] {
  let found = expanded.get(word);
  if (!found) {
    const [, outer, inner = ""] = /^(seq|optional|sparse)\((.*)\)$/.exec(word) ?? [];
    const group = groups[word];
    if (outer) found = expandType(inner).map((type) => `${outer === "seq" ? "sequence" : outer}(${type})`);
    else found = group ? words(group).flatMap(expandType) : [word];
    expanded.set(word, found);
  }
  return found;
}
