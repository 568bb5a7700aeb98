/** Models as text for people and golden files: one line per node, the same model always gives the same text. */
import { dtypes } from "../dtype.ts";
import { Tensor } from "../tensor.ts";
import type { Attribute } from "./attribute.ts";
import type { Graph } from "./graph.ts";
import type { FunctionDef, Model } from "./model.ts";
import type { Node } from "./node.ts";
import { typeToString } from "./type.ts";
import type { Value } from "./value.ts";

export interface PrintOptions {
  /** Tensors with more elements print their first three and "..." (default 8). */
  readonly elements?: number;
  /** Prints the types of node outputs where known (default true). */
  readonly types?: boolean;
}

/**
 * A model as text.
 *
 * @example
 * model ir 10, ai.onnx 21
 * graph main(x: float32[N,4]) -> (y: float32[N,4]) {
 *   w: float32[4] = [1, 2, 3, 4]
 *   y: float32[N,4] = Mul(x, w)
 * }
 */
export function printModel(model: Model, options: PrintOptions = {}): string {
  const imports = [...model.opsetImports].map(([domain, version]) => `${domain || "ai.onnx"} ${version}`).sort();
  const printer = new Printer(options);
  const lines = [`model ir ${[model.irVersion, ...imports].join(", ")}`, ...printer.graph(model.graph, "graph", "")];
  for (const fn of model.functions.values()) lines.push(...printer.graph(fn.body, functionHead(fn), ""));
  return `${lines.join("\n")}\n`;
}

/** A graph with its subgraphs as text; see {@link printModel}. */
export function printGraph(graph: Graph, options: PrintOptions = {}): string {
  return `${new Printer(options).graph(graph, "graph", "").join("\n")}\n`;
}

function functionHead(fn: FunctionDef): string {
  const imports = [...fn.opsetImports].map(([domain, version]) => `${domain || "ai.onnx"} ${version}`).sort().join(", ");
  const declared = [...fn.attributes, ...[...fn.attributeDefaults].map(([name, value]) => `${name} = ${short(value)}`)];
  return `function [${imports}]${declared.length > 0 ? ` <${declared.join(", ")}>` : ""} ${fn.domain || "ai.onnx"}.${fn.name}${fn.overload ? `:${fn.overload}` : ""}`;
}

class Printer {
  readonly #elements: number;
  readonly #types: boolean;
  readonly #names = new Map<Value, string>();
  readonly #taken = new Set<string>();

  constructor(options: PrintOptions) {
    this.#elements = options.elements ?? 8;
    this.#types = options.types ?? true;
  }

  graph(graph: Graph, head: string, indent: string): string[] {
    const typed = (v: Value): string => `${this.#name(v)}: ${typeToString(v.type)}${v.origin.kind === "input" && v.tensor ? ` = ${this.#tensor(v.tensor)}` : ""}`;
    // Names of outputs are public: they are given out before those of inner values.
    for (const value of [...graph.inputs, ...graph.outputs]) this.#name(value);
    const lines = [`${indent}${head} ${graph.name}(${graph.inputs.map(typed).join(", ")}) -> (${graph.outputs.map(typed).join(", ")}) {`];
    for (const value of graph.initializers) lines.push(`${indent}  ${this.#name(value)}: ${value.tensor ? `${this.#type(value.tensor)} = ${this.#tensor(value.tensor)}` : "no content"}`);
    for (const node of graph.nodes) lines.push(...this.#node(node, `${indent}  `));
    return [...lines, `${indent}}`];
  }

  #node(node: Node, indent: string): string[] {
    const outputs = node.outputs.map((v) => (v ? this.#name(v) + (this.#types && v.type ? `: ${typeToString(v.type)}` : "") : "-"));
    const inputs = node.inputs.map((v) => (v ? this.#name(v) : "-"));
    const attributes = [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1));
    const plain = attributes.filter(([, a]) => a.ref !== undefined || (a.kind !== "graph" && a.kind !== "graphs"));
    const text = plain.map(([name, a]) => `${name}=${short(a, (t) => `${this.#type(t)} ${this.#tensor(t)}`)}`).join(", ");
    const op = node.op + (node.overload ? `:${node.overload}` : "");
    const lines = [`${indent}${outputs.join(", ")} = ${op}(${inputs.join(", ")})${text === "" ? "" : ` {${text}}`}`];
    for (const { name, graph } of [...node.subgraphs].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))) lines.push(...this.graph(graph, name, `${indent}  `));
    return lines;
  }

  /** The value's label; unnamed and repeated ones get a number. */
  #name(value: Value): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const base = value.name || "%";
    let name = value.name;
    for (let i = value.name ? 2 : 0; name === "" || this.#taken.has(name); i++) name = value.name ? `${base}'${i}` : `%${i}`;
    this.#taken.add(name);
    this.#names.set(value, name);
    return name;
  }

  #type(tensor: Tensor): string {
    return `${tensor.dtype}[${tensor.dims.join(",")}]`;
  }

  #tensor(tensor: Tensor): string {
    const whole = tensor.size <= this.#elements;
    const shown = elements(tensor, whole ? tensor.size : 3);
    if (tensor.dims.length === 0) return shown[0]!;
    return `[${shown.join(", ")}${whole ? "" : ", ..."}]`;
  }
}

/** The first `count` elements. Only their bytes are decoded. */
function elements(tensor: Tensor, count: number): string[] {
  if (tensor.dtype === "string") return tensor.strings().slice(0, count).map((s) => JSON.stringify(s));
  if (tensor.dtype === "int64" || tensor.dtype === "uint64") return Array.from(tensor.data().subarray(0, count), String);
  const { bits, kind } = dtypes[tensor.dtype];
  if (kind === "complex") return Array.from(tensor.data().subarray(0, 2 * count) as Float32Array | Float64Array, number);
  const bytes = tensor.bytes().subarray(0, Math.ceil((bits * count) / 8));
  return Tensor.fromBytes(tensor.dtype, [count], bytes).toNumbers().map(number);
}

/** Six significant digits: enough to tell values apart, too few to show the rounding of another machine. */
const number = (x: number): string => (Number.isInteger(x) ? String(x) : String(Number(x.toPrecision(6))));

function short(attribute: Attribute, tensor: (t: Tensor) => string = (t) => `${t.dtype}[${t.dims.join(",")}]`): string {
  if (attribute.ref !== undefined) return `@${attribute.ref}`;
  switch (attribute.kind) {
    case "float":
      return floatText(attribute.value);
    case "floats":
      return `[${attribute.value.map(floatText).join(", ")}]`;
    case "int":
      return String(attribute.value);
    case "ints":
      return `[${attribute.value.map(String).join(", ")}]`;
    case "string":
      return JSON.stringify(attribute.value);
    case "strings":
      return `[${attribute.value.map((s) => JSON.stringify(s)).join(", ")}]`;
    case "tensor":
      return tensor(attribute.value);
    case "tensors":
      return `[${attribute.value.map(tensor).join("; ")}]`;
    case "sparse":
      return `sparse ${tensor(attribute.value.values)}`;
    case "type":
      return typeToString(attribute.value);
    case "types":
      return `[${attribute.value.map(typeToString).join(", ")}]`;
    case "bytes":
      return `${attribute.value.length} bytes`;
    case "graph":
      return attribute.value.name;
    default:
      return `${attribute.value.length} ${attribute.kind}`;
  }
}

/** Keeps a point, so that the text tells a float attribute from an int. */
const floatText = (x: number): string => {
  const text = number(x);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
};
