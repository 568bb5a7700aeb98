import type { Case } from "./case.ts";

const fixed = (dims: readonly number[], draw: "normal" | "positive" = "normal") => ({ dims, draw, wrt: false as const });

export const norm: readonly Case[] = [
  { op: "LayerNormalization", in: [[2, 3, 8], [8], [8]], at: { axis: -1 } },
  { op: "LayerNormalization", as: "two axes, no bias", in: [[2, 3, 4], [3, 4]], at: { axis: 1, epsilon: { float: 1e-3 } } },
  { op: "LayerNormalization", as: "symbolic batch", in: [[2, 3, 8], [8], [8]], at: { axis: -1 }, batch: [0] },
  { op: "RMSNormalization", in: [[2, 3, 8], [8]], at: { axis: -1 }, opset: 23 },
  { op: "BatchNormalization", as: "images", in: [[2, 3, 4, 5], [3], [3], fixed([3]), fixed([3], "positive")] },
  { op: "BatchNormalization", as: "vectors", in: [[4, 3], [3], [3], fixed([3]), fixed([3], "positive")] },
  { op: "BatchNormalization", as: "sequences, symbolic batch", in: [[2, 3, 5], [3], [3], fixed([3]), fixed([3], "positive")], batch: [0] },
  { op: "InstanceNormalization", in: [[2, 3, 4, 5], [3], [3]] },
  { op: "GroupNormalization", in: [[2, 6, 4, 3], [6], [6]], at: { num_groups: 3 } },
  { op: "LpNormalization", in: [[2, 5]], at: { axis: 1, p: 2 }, f64: true },
  { op: "SoftmaxCrossEntropyLoss", as: "mean", in: [[4, 5], { int64: [0, 3, 4, 1] }] },
  { op: "SoftmaxCrossEntropyLoss", as: "sum", in: [[4, 5], { int64: [0, 3, 4, 1] }], at: { reduction: "sum" } },
  { op: "SoftmaxCrossEntropyLoss", as: "none", in: [[4, 5], { int64: [0, 3, 4, 1] }], at: { reduction: "none" } },
  { op: "SoftmaxCrossEntropyLoss", as: "class weights", in: [[4, 5], { int64: [0, 3, 4, 1] }, { float: [0.5, 1, 2, 0.25, 1] }] },
  { op: "SoftmaxCrossEntropyLoss", as: "ignored labels", in: [[4, 5], { int64: [0, -1, 4, 1] }], at: { ignore_index: -1 } },
  { op: "SoftmaxCrossEntropyLoss", as: "one label a pixel", in: [[2, 3, 4], { int64: [0, 1, 2, 0, 1, 2, 0, 1], dims: [2, 4] }] },
];
