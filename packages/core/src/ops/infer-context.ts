import type { DType } from "../dtype.ts";
import type { Graph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import { tensorType, type Dim, type Shape, type ValueType } from "../ir/type.ts";
import type { Value } from "../ir/value.ts";
import { Tensor } from "../tensor.ts";
import type { InferContext, OpSchema, Parameter } from "./op.ts";
import { opErrors } from "./op-errors.ts";
import { dtypeOf, typeFromText } from "./type-text.ts";

/** Elements beyond this are data, not shapes. */
const MAX_DIMS = 256;
/** Largest constant, in elements, that rules may read. */
const MAX_CONSTANT = 1 << 16;

/** What is known of values beside their types. */
export interface Facts {
  readonly constants: Map<Value, Tensor>;
  readonly dims: Map<Value, readonly Dim[]>;
  /** Inputs with defaults count as constants (IR version 3, where every initializer is an input). */
  readonly defaultsAreConstant: boolean;
  inferGraph(graph: Graph, inputs: readonly (ValueType | undefined)[], dead: boolean): readonly (ValueType | undefined)[];
}

export function constantOf(value: Value | undefined, facts: Facts): Tensor | undefined {
  if (!value) return undefined;
  const tensor = facts.constants.get(value) ?? value.constant ?? (facts.defaultsAreConstant && value.isGraphInput ? value.tensor : undefined);
  return tensor && tensor.size <= MAX_CONSTANT ? tensor : undefined;
}

export function dimsOf(value: Value | undefined, facts: Facts): readonly Dim[] | undefined {
  if (!value) return undefined;
  const known = facts.dims.get(value);
  if (known) return known;
  const tensor = constantOf(value, facts);
  if (!tensor || tensor.size > MAX_DIMS || tensor.dims.length > 1 || tensor.dtype === "string" || tensor.dtype.startsWith("complex")) return undefined;
  const numbers = tensor.toNumbers();
  return numbers.every(Number.isInteger) ? numbers : undefined;
}

/** The view of one node that inference rules get. */
export class NodeInference implements InferContext {
  readonly node: Node;
  readonly opset: number;
  readonly results: (ValueType | undefined)[] = [];
  readonly #schema: OpSchema | undefined;
  readonly #facts: Facts;

  constructor(node: Node, opset: number, schema: OpSchema | undefined, facts: Facts) {
    this.node = node;
    this.opset = opset;
    this.#schema = schema;
    this.#facts = facts;
  }

  get inputCount(): number {
    return this.node.inputs.length;
  }

  get outputCount(): number {
    return this.node.outputs.length;
  }

  has(input: number): boolean {
    return this.node.input(input) !== undefined;
  }

  type(input: number): ValueType | undefined {
    return this.node.input(input)?.type;
  }

  dtype(input: number): DType | undefined {
    return this.node.input(input)?.dtype;
  }

  shape(input: number): Shape | undefined {
    return this.node.input(input)?.shape;
  }

  rank(input: number): number | undefined {
    return this.shape(input)?.length;
  }

  constant(input: number): Tensor | undefined {
    const value = this.node.input(input);
    const tensor = constantOf(value, this.#facts);
    if (tensor || !value) return tensor;
    const dims = this.#facts.dims.get(value);
    if (!value.dtype || !value.shape || !dims?.every((d) => typeof d === "number")) return undefined;
    return Tensor.from(value.dtype, value.shape.length === 0 ? [] : [dims.length], dims as number[]);
  }

  dims(input: number): readonly Dim[] | undefined {
    return dimsOf(this.node.input(input), this.#facts);
  }

  set(output: number, dtype: DType | undefined, shape?: Shape): void {
    if (shape?.some((d) => typeof d === "number" && d < 0)) this.fail(`would give an output of shape [${shape.join(",")}], with a negative length`);
    this.results[output] = tensorType(dtype ?? dtypeOf(this.signatureType(output)), shape);
  }

  setType(output: number, type: ValueType): void {
    this.results[output] = type;
  }

  setDims(output: number, dims: readonly Dim[]): void {
    const value = this.node.output(output);
    if (value && dims.length <= MAX_DIMS) this.#facts.dims.set(value, dims);
  }

  alias(output: number, value: Value): void {
    this.results[output] = value.type;
    const own = this.node.output(output);
    const constant = constantOf(value, this.#facts);
    const dims = this.#facts.dims.get(value);
    if (own && constant) this.#facts.constants.set(own, constant);
    if (own && dims) this.#facts.dims.set(own, dims);
  }

  inferGraph(attribute: string, inputs: readonly (ValueType | undefined)[], dead = false): readonly (ValueType | undefined)[] {
    const graph = this.node.attribute(attribute, "graph");
    return graph ? this.#facts.inferGraph(graph, inputs, dead) : [];
  }

  symbol(hint: string): Dim {
    return `${this.node.outputs.find((o) => o?.name)?.name ?? this.node.label}.${hint}`;
  }

  /** A property, because rules hand it on: `broadcast(shapes, c.fail)`. */
  readonly fail = (message: string): never => {
    throw opErrors.SHAPE_MISMATCH({ node: this.node.label, op: this.node.op, reason: message });
  };

  /** The type of an output as far as the signature tells: a literal, a variable with one type, or one bound by an input. */
  signatureType(output: number): ValueType | undefined {
    const parameter = formal(this.#schema?.outputs, output);
    if (!parameter) return undefined;
    const allowed = this.#schema?.types.get(parameter.type);
    if (!allowed) return typeFromText(parameter.type);
    if (allowed.length === 1) return typeFromText(allowed[0]!);
    if (parameter.option === "variadic" && !parameter.homogeneous) return undefined;
    for (let i = 0; i < this.node.inputs.length; i++) {
      const type = formal(this.#schema?.inputs, i)?.type === parameter.type ? this.type(i) : undefined;
      if (type) return unshaped(type);
    }
    return undefined;
  }
}

/** The formal parameter of an actual position; a last variadic one takes all that follow. */
export function formal(parameters: readonly Parameter[] | undefined, index: number): Parameter | undefined {
  const last = parameters?.at(-1);
  return parameters?.[index] ?? (last?.option === "variadic" ? last : undefined);
}

const unshaped = (type: ValueType): ValueType => (type.kind === "tensor" ? tensorType(type.dtype) : type);
