/** Pad in front of a convolution or pooling becomes the operator's own padding. */
import { attr } from "../ir/attribute.ts";
import { isInteger } from "../dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { constantInts, constantScalar } from "./constants.ts";
import { removeUnused, soleProducer } from "./edit.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite } from "./scope.ts";

interface Padding {
  /** As ONNX has it: begins of all spatial axes, then ends. */
  readonly spatial: readonly number[];
  readonly value: number;
}

/** What a constant Pad adds to the spatial axes; undefined when it crops, pads batch or channels, or is not constant. */
function paddingOf(pad: Node, opset: number): Padding | undefined {
  if (pad.string("mode", "constant") !== "constant") return undefined;
  const pads = opset < 11 ? pad.ints("pads") : constantInts(pad.input(1));
  const value = opset < 11 ? pad.float("value", 0) : pad.input(2) ? constantScalar(pad.input(2)) : 0;
  const full = pads && (pad.input(3) ? spread(pads, constantInts(pad.input(3)), pad.input(0)?.rank) : pads);
  if (!full || value === undefined || full.some((p) => p < 0)) return undefined;
  const rank = full.length / 2;
  if (rank < 3 || [0, 1, rank, rank + 1].some((i) => full[i] !== 0)) return undefined;
  return { spatial: [...full.slice(2, rank), ...full.slice(rank + 2)], value };
}

/** Pads given for some axes, for all of them. */
function spread(pads: readonly number[], axes: readonly number[] | undefined, rank: number | undefined): number[] | undefined {
  if (!axes || rank === undefined) return undefined;
  const all = Array.from({ length: 2 * rank }, () => 0);
  axes.forEach((axis, i) => {
    const at = axis < 0 ? axis + rank : axis;
    all[at] = pads[i]!;
    all[at + rank] = pads[i + axes.length]!;
  });
  return all;
}

/** The operator's own pads, when they are given as numbers. */
function ownPads(node: Node, length: number): readonly number[] | undefined {
  const auto = node.string("auto_pad", "NOTSET");
  if (auto === "VALID") return Array.from({ length }, () => 0);
  const pads = node.ints("pads") ?? Array.from({ length }, () => 0);
  return auto === "NOTSET" && pads.length === length ? pads : undefined;
}

const rewrite: Rewrite = ({ node, opset }) => {
  if (node.domain !== "" || !["Conv", "MaxPool", "AveragePool"].includes(node.opType)) return false;
  // count_include_pad came with opset 7.
  if (node.is("AveragePool") && opset < 7) return false;
  const pad = soleProducer(node.input(0), "Pad");
  const padding = pad && paddingOf(pad, opset);
  const own = padding && ownPads(node, padding.spatial.length);
  if (!pad?.input(0) || !padding || !own) return false;
  const pads = own.map((p, i) => p + padding.spatial[i]!);
  if (!allowed(node, padding, own, pads, pad.input(0)!)) return false;
  node.setInput(0, pad.input(0)!);
  node.setAttribute("pads", attr.ints(pads));
  if (node.attributes.has("auto_pad")) node.removeAttribute("auto_pad");
  if (node.is("AveragePool")) node.setAttribute("count_include_pad", attr.int(1));
  removeUnused(pad);
  return true;
};

function allowed(node: Node, { value }: Padding, own: readonly number[], pads: readonly number[], x: Value): boolean {
  if (node.is("Conv")) return value === 0;
  const kernel = node.ints("kernel_shape") ?? [];
  // Engines refuse pads as wide as the window; partial last windows (ceil_mode) count padding in their own way.
  if (pads.some((p, i) => p >= (kernel[i % kernel.length] ?? 0)) || node.int("ceil_mode", 0) !== 0) return false;
  if (node.is("AveragePool")) {
    // Padded zeros counted in the mean: so must the operator's own padding be, if it has any.
    return value === 0 && (own.every((p) => p === 0) || node.int("count_include_pad", 0) === 1);
  }
  if (node.output(1) && !node.output(1)!.isUnused) return false;
  const dilated = (node.ints("dilations") ?? []).some((d) => d !== 1);
  // MaxPool's own padding never wins. Zeros do the same where every window has an element that is not negative.
  return value === -Infinity || (value === 0 && !dilated && isNonNegative(x));
}

const nonNegative = new Set(["Relu", "Sigmoid", "HardSigmoid", "Softmax", "Abs", "Exp", "Sqrt", "Softplus", "ReduceL1", "ReduceL2"]);
/** These give non-negative results for non-negative inputs. */
const keepsSign = new Set(["MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "Identity", "Transpose", "Reshape", "Slice", "Dropout"]);

function isNonNegative(x: Value): boolean {
  if (isInteger(x.dtype) && x.dtype!.startsWith("u")) return true;
  const node = x.producer;
  if (!node || node.domain !== "") return false;
  if (nonNegative.has(node.opType)) return true;
  if (node.is("Clip")) return (node.input(1) ? (constantScalar(node.input(1)) ?? -1) : node.float("min", -1)) >= 0;
  return keepsSign.has(node.opType) && node.out === x && node.input(0) !== undefined && isNonNegative(node.input(0)!);
}

export const foldPad: Pass = nodePass("fold-pad", "Folds Pad into the padding of Conv, MaxPool and AveragePool, where that computes the same.", rewrite);
