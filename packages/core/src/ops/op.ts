/**
 * The shape of one operator: everything known about it is in one object of this type.
 * An absent rule means "unknown", never a default: no `infer` leaves outputs untyped, no `ties` holds all axes,
 * no `cost` counts as unknown in reports, no `grad` refuses training through it by name.
 */
import type { DType } from "../dtype.ts";
import type { Tensor } from "../tensor.ts";
import type { Attribute } from "../ir/attribute.ts";
import type { Node } from "../ir/node.ts";
import type { Dim, Shape, ValueType } from "../ir/type.ts";
import type { Value } from "../ir/value.ts";
import type { TieContext, TieRule } from "./tie.ts";

export type ParameterOption = "single" | "optional" | "variadic";

/** A formal input or output. `type` is a type variable of the schema ("T") or a type: "int64" (a tensor), "sequence(float32)", "optional(...)", "sparse(...)", "map(int64,float32)". */
export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly option: ParameterOption;
  /** Variadic only: all of one type. */
  readonly homogeneous: boolean;
  /** Variadic only: least count. */
  readonly min: number;
}

export interface AttributeSchema {
  readonly name: string;
  /** Kind as in ir/attribute.ts. */
  readonly kind: "float" | "floats" | "int" | "ints" | "string" | "strings" | "tensor" | "tensors" | "graph" | "graphs" | "sparse" | "sparses" | "type" | "types";
  readonly required: boolean;
  readonly default?: number | string | readonly number[] | readonly string[];
}

/** The signature of an operator from operator-set version `since` on. */
export interface OpSchema {
  readonly since: number;
  readonly deprecated: boolean;
  readonly inputs: readonly Parameter[];
  readonly outputs: readonly Parameter[];
  readonly attributes: ReadonlyMap<string, AttributeSchema>;
  /** Type variable to the types it allows, e.g. T -> ["float32", "sequence(int64)", ...]. */
  readonly types: ReadonlyMap<string, readonly string[]>;
}

/** What an inference rule sees and sets. Shapes may be symbolic; `undefined` means unknown. */
export interface InferContext {
  readonly node: Node;
  /** Version of the node's domain in the model. */
  readonly opset: number;
  readonly inputCount: number;
  readonly outputCount: number;
  has(input: number): boolean;
  type(input: number): ValueType | undefined;
  dtype(input: number): DType | undefined;
  shape(input: number): Shape | undefined;
  rank(input: number): number | undefined;
  /** Content when the input is constant and small enough to read. */
  constant(input: number): Tensor | undefined;
  /** Elements of an integer scalar or vector input as dimensions: constant, or propagated (Shape -> Gather -> Concat ...). */
  dims(input: number): readonly Dim[] | undefined;
  /** Sets a tensor output. Unknown parts stay undefined/null. */
  set(output: number, dtype: DType | undefined, shape?: Shape): void;
  setType(output: number, type: ValueType): void;
  /** Declares the elements of an integer output (scalar or vector) as dimensions. */
  setDims(output: number, dims: readonly Dim[]): void;
  /** Says that an output is this value of a subgraph that always runs: it has its type and, where known, its content. */
  alias(output: number, value: Value): void;
  /** Infers a subgraph attribute with these input types; gives the types of its outputs. Contradictions in a `dead` one (never run) are not reported. */
  inferGraph(attribute: string, inputs: readonly (ValueType | undefined)[], dead?: boolean): readonly (ValueType | undefined)[];
  /** A symbol that nothing else has, for data-dependent sizes (NonZero, Unique ...). */
  symbol(hint: string): Dim;
  /** Reports that the inputs contradict the operator; the caller's sentence says what was expected and what came. */
  fail(message: string): never;
}

/** What a cost rule sees: static shapes, symbols already bound by the caller. */
export interface CostContext {
  readonly node: Node;
  shape(input: number): readonly number[] | undefined;
  outShape(output: number): readonly number[] | undefined;
  dtype(input: number): DType | undefined;
  constant(input: number): Tensor | undefined;
}

/** Work of one node. Bytes moved are derived by the caller from the shapes unless the rule says otherwise. */
export interface Cost {
  /** Multiply-accumulates. */
  readonly macs: number;
  /** Other element operations (adds, comparisons, transcendental functions ...), counted once each. */
  readonly elementOps?: number;
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
}

export type { Axis, FreeAxis, Resize, Span, Tie, TieContext, TieRule } from "./tie.ts";

/** What a gradient rule sees. It appends ONNX nodes and returns the gradient of each input (undefined: none flows). */
export interface GradContext {
  readonly node: Node;
  readonly opset: number;
  input(index: number): Value;
  output(index: number): Value;
  has(input: number): boolean;
  /** True when the gradient of this input is wanted; rules should skip the rest. */
  wants(input: number): boolean;
  /** Gradient that arrives at an output; undefined when none does (a symbolic zero). */
  dy(output: number): Value | undefined;
  /** Appends a node to the backward graph and gives its first output. */
  emit(opType: string, inputs: readonly (Value | null)[], attributes?: Readonly<Record<string, Attribute>>): Value;
  /** A constant in the backward graph. */
  constant(tensor: Tensor): Value;
}

export type GradRule = (c: GradContext) => readonly (Value | undefined)[];

export interface OpDef {
  /** "" for ai.onnx. */
  readonly domain: string;
  readonly name: string;
  /** All signatures, oldest first. */
  readonly schemas: readonly OpSchema[];
  readonly infer?: (c: InferContext) => void;
  /** Computes constant outputs for constant inputs; small tensors only (shape arithmetic). undefined: not for these inputs. */
  readonly evaluate?: (node: Node, inputs: readonly (Tensor | undefined)[], opset: number) => readonly Tensor[] | undefined;
  readonly cost?: (c: CostContext) => Cost;
  readonly ties?: (c: TieContext) => TieRule | undefined;
  readonly grad?: GradRule;
  /** Never constant-folded or merged: random numbers, or effects. */
  readonly nondeterministic?: true;
}

/** A set of operators. A value: extending gives a new one and changes nothing elsewhere. */
export interface OpTable {
  /** All operators, in order of domain and name. */
  readonly all: readonly OpDef[];
  get(domain: string, opType: string): OpDef | undefined;
  /** The definition of a node's operator. */
  of(node: Node): OpDef | undefined;
  /** The signature in force at an operator-set version, or undefined when the operator did not exist yet. */
  schema(domain: string, opType: string, opset: number): OpSchema | undefined;
  /** A table with more operators; a same-named operator is replaced, or completed when only rules are given. */
  extend(ops: readonly (OpDef | OpRules)[]): OpTable;
}

/** Rules added to an operator that exists already (for instance gradients, from the training package). */
export type OpRules = Pick<OpDef, "domain" | "name"> & Partial<Omit<OpDef, "domain" | "name" | "schemas">> & { readonly schemas?: undefined };
