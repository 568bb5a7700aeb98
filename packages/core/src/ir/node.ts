import { dtypes } from "../dtype.ts";
import { Tensor } from "../tensor.ts";
import type { Attribute, AttributeKind, AttributeOf } from "./attribute.ts";
import { irErrors } from "./errors.ts";
import type { Graph } from "./graph.ts";
import { Value } from "./value.ts";

export interface NodeInit {
  readonly opType: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly name?: string;
  readonly inputs?: readonly (Value | null)[];
  /** Output values, or how many to make (default 1), or their names. */
  readonly outputs?: readonly (Value | null)[] | readonly string[] | number;
  readonly attributes?: Readonly<Record<string, Attribute>> | ReadonlyMap<string, Attribute>;
}

/** The default ONNX domain has two spellings; Lathe stores the empty one. */
export const normalizeDomain = (domain: string | undefined): string => (domain === undefined || domain === "ai.onnx" ? "" : domain);

/** One operation. `null` among inputs or outputs is an absent optional one. */
export class Node {
  opType: string;
  domain: string;
  overload: string;
  name: string;
  docString: string | undefined;
  metadata: Map<string, string> | undefined;
  unknown: Uint8Array | undefined;
  /** Edit with {@link setAttribute} and {@link removeAttribute}, which keep track of subgraphs. */
  readonly attributes: Map<string, Attribute> = new Map();
  /** The graph that holds the node; undefined when detached. */
  graph: Graph | undefined;
  /** @internal */ prev: Node | undefined;
  /** @internal */ next: Node | undefined;
  readonly #inputs: (Value | null)[] = [];
  readonly #outputs: (Value | null)[] = [];

  constructor(init: NodeInit) {
    this.opType = init.opType;
    this.domain = normalizeDomain(init.domain);
    this.overload = init.overload ?? "";
    this.name = init.name ?? "";
    const attributes = init.attributes ?? {};
    for (const [key, value] of attributes instanceof Map ? attributes : Object.entries(attributes)) this.setAttribute(key, value);
    for (const value of init.inputs ?? []) this.addInput(value);
    const outputs = init.outputs ?? 1;
    const list = typeof outputs === "number" ? Array.from({ length: outputs }, () => new Value()) : outputs;
    for (const output of list) this.addOutput(typeof output === "string" ? new Value(output) : output);
  }

  get inputs(): readonly (Value | null)[] {
    return this.#inputs;
  }

  get outputs(): readonly (Value | null)[] {
    return this.#outputs;
  }

  /** Input `index`, or undefined when absent. */
  input(index: number): Value | undefined {
    return this.#inputs[index] ?? undefined;
  }

  /** Output `index`, or undefined when absent. */
  output(index: number): Value | undefined {
    return this.#outputs[index] ?? undefined;
  }

  /** The first output; every operator that Lathe makes has one. */
  get out(): Value {
    const value = this.#outputs[0];
    if (!value) throw irErrors.IR_NO_OUTPUT({ node: this.label });
    return value;
  }

  /** "Conv" or "com.microsoft.QGemm". */
  get op(): string {
    return this.domain === "" ? this.opType : `${this.domain}.${this.opType}`;
  }

  /** What error messages call this node. */
  get label(): string {
    return this.name || `${this.op}(${this.#outputs.find((o) => o)?.name || "unnamed"})`;
  }

  /** True when the op is `opType` of `domain` (default ai.onnx). */
  is(opType: string, domain = ""): boolean {
    return this.opType === opType && this.domain === domain;
  }

  setInput(index: number, value: Value | null): void {
    const old = this.#inputs[index] ?? null;
    if (old === value && index < this.#inputs.length) return;
    if (old) this.#release(old, index);
    while (this.#inputs.length < index) this.#inputs.push(null);
    this.#inputs[index] = value;
    if (value) this.#hold(value, index);
  }

  addInput(value: Value | null): void {
    this.setInput(this.#inputs.length, value);
  }

  /** Drops inputs from `length` on. */
  truncateInputs(length: number): void {
    while (this.#inputs.length > length) {
      const value = this.#inputs.pop();
      if (value) this.#release(value, this.#inputs.length);
    }
  }

  addOutput(value: Value | null = new Value()): void {
    if (value && value.origin.kind !== "detached") throw irErrors.IR_VALUE_TAKEN({ value: value.name, node: this.label });
    if (value) value.origin = { kind: "output", node: this, index: this.#outputs.length };
    this.#outputs.push(value);
  }

  /** Drops outputs from `length` on; they must be unused. */
  truncateOutputs(length: number): void {
    for (const value of this.#outputs.slice(length)) if (value && !value.isUnused) throw irErrors.IR_STILL_USED({ value: value.name, node: this.label });
    for (const value of this.#outputs.splice(length)) if (value) value.origin = { kind: "detached" };
  }

  /** Makes output `index` absent; it must be unused. */
  dropOutput(index: number): void {
    const value = this.#outputs[index];
    if (!value) return;
    if (!value.isUnused) throw irErrors.IR_STILL_USED({ value: value.name, node: this.label });
    value.origin = { kind: "detached" };
    this.#outputs[index] = null;
  }

  setAttribute(name: string, attribute: Attribute): void {
    const kept = new Set(graphsIn(attribute));
    this.#dropGraphs(name, kept);
    this.attributes.set(name, attribute);
    for (const graph of kept) graph.parent = this;
  }

  /** Takes an attribute away; a subgraph in it lets go of what it captures. */
  removeAttribute(name: string): void {
    this.#dropGraphs(name, new Set());
    this.attributes.delete(name);
  }

  /** Value of an attribute of the given kind, else `fallback`. A kind other than expected is an error, not a fallback. */
  attribute<K extends AttributeKind>(name: string, kind: K): AttributeOf<K> | undefined {
    const found = this.attributes.get(name);
    if (!found || found.ref !== undefined) return undefined;
    if (found.kind !== kind) {
      // An empty list has no element type of its own: accept it as any list.
      if (Array.isArray(found.value) && found.value.length === 0 && kind.endsWith("s")) return found.value as unknown as AttributeOf<K>;
      throw irErrors.IR_ATTRIBUTE_KIND({ node: this.label, attribute: name, expected: kind, received: found.kind });
    }
    return found.value as AttributeOf<K>;
  }

  int(name: string): number | undefined;
  int(name: string, fallback: number): number;
  int(name: string, fallback?: number): number | undefined {
    const value = this.attribute(name, "int");
    return value === undefined ? fallback : Number(value);
  }

  ints(name: string): number[] | undefined;
  ints(name: string, fallback: readonly number[]): number[];
  ints(name: string, fallback?: readonly number[]): number[] | undefined {
    return this.attribute(name, "ints")?.map(Number) ?? (fallback ? [...fallback] : undefined);
  }

  float(name: string): number | undefined;
  float(name: string, fallback: number): number;
  float(name: string, fallback?: number): number | undefined {
    return this.attribute(name, "float") ?? fallback;
  }

  string(name: string): string | undefined;
  string(name: string, fallback: string): string;
  string(name: string, fallback?: string): string | undefined {
    return this.attribute(name, "string") ?? fallback;
  }

  /** Graphs among the attributes, with the attribute's name. */
  get subgraphs(): readonly { readonly name: string; readonly graph: Graph }[] {
    const all: { name: string; graph: Graph }[] = [];
    for (const [name, attribute] of this.attributes) for (const graph of graphsIn(attribute)) all.push({ name, graph });
    return all;
  }

  /** Content of a `Constant` node, as a tensor. */
  constantOutput(index: number): Tensor | undefined {
    if (index !== 0 || this.opType !== "Constant" || this.domain !== "") return undefined;
    for (const attribute of this.attributes.values()) {
      if (attribute.ref !== undefined) return undefined;
      switch (attribute.kind) {
        case "tensor": return attribute.value;
        case "int": return Tensor.int64([attribute.value], []);
        case "ints": return Tensor.int64(attribute.value);
        case "float": return Tensor.from("float32", [], [attribute.value]);
        case "floats": return Tensor.from("float32", [attribute.value.length], attribute.value);
        case "string": return Tensor.fromStrings([], [attribute.value]);
        case "strings": return Tensor.fromStrings([attribute.value.length], attribute.value);
        default: return undefined;
      }
    }
    return undefined;
  }

  /** @internal lets go of all inputs, also inside subgraphs; called when the node leaves its graph for good. */
  releaseInputs(): void {
    this.truncateInputs(0);
    for (const { graph } of this.subgraphs) graph.releaseAll();
  }

  #dropGraphs(name: string, kept: ReadonlySet<Graph>): void {
    const old = this.attributes.get(name);
    for (const graph of old ? graphsIn(old) : []) {
      if (kept.has(graph)) continue;
      graph.releaseAll();
      graph.parent = undefined;
    }
  }

  #hold(value: Value, index: number): void {
    const slots = value.slots.get(this);
    if (slots) slots.add(index);
    else value.slots.set(this, new Set([index]));
  }

  #release(value: Value, index: number): void {
    const slots = value.slots.get(this);
    slots?.delete(index);
    if (slots?.size === 0) value.slots.delete(this);
  }
}

function graphsIn(attribute: Attribute): readonly Graph[] {
  if (attribute.ref !== undefined) return [];
  if (attribute.kind === "graph") return [attribute.value];
  return attribute.kind === "graphs" ? attribute.value : [];
}

/** Bytes that a value of static type takes; undefined when something is symbolic. */
export function valueBytes(value: Value): number | undefined {
  const { dtype, shape } = value;
  if (!dtype || !shape) return undefined;
  let count = 1;
  for (const d of shape) {
    if (typeof d !== "number") return undefined;
    count *= d;
  }
  return Math.ceil((count * dtypes[dtype].bits) / 8);
}
