/** Moves Transpose behind elementwise operators, where two of them meet and cancel. */
import { attr } from "../ir/attribute.ts";
import { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";

import { Tensor } from "../tensor.ts";
import { dtypes } from "../dtype.ts";
import { onlyConsumer, removeUnused } from "./edit.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite, type Site } from "./scope.ts";

const unary = new Set(
  ("Relu Sigmoid Tanh Clip LeakyRelu Elu Selu Celu HardSigmoid HardSwish Gelu Erf Exp Log Sqrt Abs Neg Cast Mish Softplus Softsign " +
    "ThresholdedRelu Swish Ceil Floor Round Reciprocal Sign Not Sin Cos").split(" "),
);
const binary = new Set("Add Sub Mul Div Pow Min Max PRelu Greater Less GreaterOrEqual LessOrEqual Equal And Or".split(" "));

/** A Transpose whose result only the given operator reads. */
function transposeAlone(value: Value | undefined): { node: Node; perm: readonly number[] } | undefined {
  const node = value?.producer;
  const perm = node?.is("Transpose") ? node.ints("perm") : undefined;
  return node && perm && node.input(0) && onlyConsumer(value!) ? { node, perm } : undefined;
}

/** Whether moving a Transpose behind `value` lets it meet another one. Looks through elementwise operators only. */
function meetsTranspose(value: Value): boolean {
  let next = onlyConsumer(value);
  for (let steps = 0; next && steps < 50; steps++) {
    if (next.is("Transpose")) return true;
    if (next.domain !== "" || next.outputs.length !== 1) return false;
    const movable = unary.has(next.opType) || (binary.has(next.opType) && next.inputs.some((v) => v?.constant));
    if (!movable) return false;
    next = onlyConsumer(next.out);
  }
  return false;
}

/** op(transpose(x)) becomes transpose(op(x)) when that brings it nearer to another Transpose. */
const throughUnary: Rewrite = (site) => {
  const { node } = site;
  const found = node.domain === "" && unary.has(node.opType) ? transposeAlone(node.input(0)) : undefined;
  if (!found || !meetsTranspose(node.out)) return false;
  sink(site, found.perm, [found.node.input(0)!, ...node.inputs.slice(1)], [found.node]);
  return true;
};

/** The same for an operator with a constant, which is transposed the other way. */
const throughConstant: Rewrite = (site) => {
  const { node } = site;
  if (node.domain !== "" || !binary.has(node.opType) || node.inputs.length !== 2) return false;
  const side = node.input(1)?.constant ? 0 : 1;
  const found = transposeAlone(node.input(side));
  const constant = node.input(1 - side);
  if (!found || !constant?.constant || !meetsTranspose(node.out)) return false;
  const turned = turnedBack(constant.constant, found.perm);
  if (!turned) return false;
  const other = turned === constant.constant ? constant : site.constant(turned, constant.name);
  const x = found.node.input(0)!;
  sink(site, found.perm, side === 0 ? [x, other] : [other, x], [found.node]);
  return true;
};

/** Two equally transposed operands: the result is transposed once instead. */
const throughBoth: Rewrite = (site) => {
  const { node } = site;
  if (node.domain !== "" || !binary.has(node.opType) || node.inputs.length !== 2) return false;
  const [a, b] = [transposeAlone(node.input(0)), transposeAlone(node.input(1))];
  if (!a || !b || a.perm.join() !== b.perm.join()) return false;
  sink(site, a.perm, [a.node.input(0)!, b.node.input(0)!], [a.node, b.node]);
  return true;
};

/** Gives the operator untransposed inputs and puts the Transpose behind it. */
function sink({ node, graph }: Site, perm: readonly number[], inputs: readonly (Value | null)[], before: readonly Node[]): void {
  const { out } = node;
  inputs.forEach((value, i) => node.setInput(i, value));
  const transposed = graph.insertAfter(node, new Node({ opType: "Transpose", inputs: [out], attributes: { perm: attr.ints(perm) } }));
  const type = out.type;
  graph.replaceUses(out, transposed.out, transposed);
  transposed.out.type = type;
  out.type = type?.kind === "tensor" && type.shape ? { ...type, shape: inverse(perm).map((axis) => type.shape![axis]!) } : type;
  before.forEach(removeUnused);
}

const inverse = (perm: readonly number[]): number[] => perm.map((_, i) => perm.indexOf(i));

/** The constant in the layout before the Transpose; undefined when it has more axes than that. */
function turnedBack(tensor: Tensor, perm: readonly number[]): Tensor | undefined {
  if (tensor.size === 1 && tensor.dims.length <= 1) return tensor;
  if (tensor.dims.length > perm.length || dtypes[tensor.dtype].bits < 8 || tensor.dtype === "string") return undefined;
  const dims = [...perm.map(() => 1).slice(tensor.dims.length), ...tensor.dims];
  return transposeTensor(tensor.reshape(dims), inverse(perm));
}

/** Elements in another order of axes. */
function transposeTensor(tensor: Tensor, perm: readonly number[]): Tensor {
  const width = dtypes[tensor.dtype].bits / 8;
  const dims = perm.map((axis) => tensor.dims[axis]!);
  const strides = tensor.dims.map((_, i) => tensor.dims.slice(i + 1).reduce((p, d) => p * d, 1));
  const from = tensor.bytes();
  const to = new Uint8Array(from.length);
  const index = dims.map(() => 0);
  for (let i = 0; i < tensor.size; i++) {
    const at = index.reduce((sum, k, axis) => sum + k * strides[perm[axis]!]!, 0);
    to.set(from.subarray(at * width, (at + 1) * width), i * width);
    for (let axis = dims.length - 1; axis >= 0 && ++index[axis]! === dims[axis]; axis--) index[axis] = 0;
  }
  return Tensor.fromBytes(tensor.dtype, dims, to);
}

export const pushTransposes: Pass = nodePass(
  "push-transposes",
  "Moves Transpose through elementwise operators to where it meets another one.",
  throughUnary,
  throughConstant,
  throughBoth,
);
