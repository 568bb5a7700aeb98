/**
 * Structured sparsity: which weights can have two zeros in every four along their sums, and which do. TensorRT may then take a sparse kernel
 * (Ampere and later, `kSPARSE_WEIGHTS`); it does when that is faster, which small and memory-bound layers are not.
 */
import type { DType, Model, Node, Tensor, Value } from "@lathe/core";

const GROUP = 4;
const KEPT = 2;

export interface SparseWeight {
  readonly node: string;
  readonly op: string;
  /** Name of the constant. */
  readonly weight: string;
  readonly dims: readonly number[];
  /** Axis of the constant that the layer sums over. */
  readonly axis: number;
  /** undefined: eligible; else why not. */
  readonly reason: string | undefined;
  /** Share of groups that hold at most two values that are not zero; 1: sparse kernels apply. undefined when not eligible. */
  readonly share: number | undefined;
}

export interface SparsityReport {
  readonly weights: readonly SparseWeight[];
  /** Elements of all weights of layers, of the eligible ones, and of those that hold the pattern throughout. */
  readonly elements: number;
  readonly eligible: number;
  readonly sparse: number;
}

/**
 * Looks at the constant operands of Conv, Gemm and MatMul, in bodies too; behind Q, DQ, Cast and Transpose the constant itself is looked at.
 * Constants that other operators change (Reshape, Concat, Mul ...) are listed as not eligible. Weights in files are read.
 */
export function sparsityReport(model: Model): SparsityReport {
  const weights: SparseWeight[] = [];
  const sizes = { elements: 0, eligible: 0, sparse: 0 };
  for (const node of model.graph.allNodes()) {
    const found = weightOf(node);
    if (!found) continue;
    const { tensor, axis, value } = found;
    const reason = found.reason ?? whyNot(node, tensor, axis);
    const share = reason === undefined ? shareOfGroups(tensor, axis) : undefined;
    weights.push({ node: node.label, op: node.opType, weight: value.name, dims: tensor.dims, axis, reason, share });
    sizes.elements += tensor.size;
    if (share !== undefined) sizes.eligible += tensor.size;
    if (share === 1) sizes.sparse += tensor.size;
  }
  return { weights, ...sizes };
}

interface Found {
  readonly value: Value;
  readonly tensor: Tensor;
  readonly axis: number;
  readonly reason?: string;
}

/** The constant operand of a layer, and its axis that is summed. */
function weightOf(node: Node): Found | undefined {
  if (node.domain !== "") return undefined;
  if (node.is("Conv")) return trace(node.input(1), () => 1);
  const matrix = node.is("Gemm") || node.is("MatMul");
  if (!matrix) return undefined;
  // A [M, K] times B [K, N]; Gemm may transpose either.
  const left = node.int("transA", 0) === 1 ? 0 : -1;
  const right = node.int("transB", 0) === 1 ? -1 : 0;
  return trace(node.input(1), (rank) => (rank === 1 ? 0 : right === 0 ? rank - 2 : rank - 1)) ?? trace(node.input(0), (rank) => (rank === 1 ? 0 : left === -1 ? rank - 1 : rank - 2));
}

/** Follows a value back to its constant; the axis follows through transposes. */
function trace(start: Value | undefined, axisOf: (rank: number) => number): Found | undefined {
  let value = start;
  const perms: number[][] = [];
  let changed: string | undefined;
  while (value && !value.constant) {
    const producer: Node | undefined = value.producer;
    if (!producer || producer.inputs.length === 0) return undefined;
    if (producer.is("Transpose")) perms.push(producer.ints("perm") ?? []);
    else if (!/^(QuantizeLinear|DequantizeLinear|Cast|Identity)$/.test(producer.opType)) {
      if (producer.inputs.some((v) => v && !v.constant)) return undefined;
      changed = producer.opType;
    }
    value = producer.input(0);
  }
  const tensor = value?.constant;
  if (!value || !tensor) return undefined;
  const rank = tensor.dims.length;
  let axis = axisOf(rank);
  // Output axis i of a Transpose is input axis perm[i]; without perm the axes are reversed.
  for (const perm of perms) axis = perm.length > 0 ? perm[axis]! : rank - 1 - axis;
  return { value, tensor, axis, ...(changed ? { reason: `${changed} changes it when the engine is built` } : {}) };
}

/** Types of weights, as stored. */
const stored: ReadonlySet<DType> = new Set(["float32", "float16", "bfloat16", "int8", "float8e4m3fn"]);

function whyNot(node: Node, tensor: Tensor, axis: number): string | undefined {
  if (!stored.has(tensor.dtype)) return `it is stored as ${tensor.dtype}`;
  if (tensor.dims.length < 2) return "it is a vector";
  const length = tensor.dims[axis]!;
  if (length % GROUP === 0) return undefined;
  const grouped = node.is("Conv") && node.int("group", 1) > 1;
  return `it sums over ${length}${grouped ? " channels of each group" : ""}, which is no multiple of ${GROUP}`;
}

/** Share of the groups of four along `axis` with at most two values that are not zero. */
function shareOfGroups(tensor: Tensor, axis: number): number {
  const data = tensor.dtype === "float32" ? tensor.toFloat32() : tensor.toNumbers();
  const inner = tensor.dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  const length = tensor.dims[axis]!;
  let groups = 0;
  let fit = 0;
  for (let base = 0; base < data.length; base += length * inner) {
    for (let k = 0; k < inner; k++) {
      for (let from = 0; from < length; from += GROUP) {
        let values = 0;
        for (let i = from; i < from + GROUP; i++) if (data[base + i * inner + k] !== 0) values++;
        groups++;
        if (values <= KEPT) fit++;
      }
    }
  }
  return groups === 0 ? 1 : fit / groups;
}
