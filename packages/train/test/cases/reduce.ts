import type { Case } from "./case.ts";

const axes = (...int64: number[]) => ({ int64 });
const cube = [2, 3, 4];

export const reduce: readonly Case[] = [
  { op: "ReduceSum", as: "all axes", in: [cube], at: { keepdims: 0 }, f64: true },
  { op: "ReduceSum", as: "negative axis dropped", in: [cube, axes(-2)], at: { keepdims: 0 }, f64: true },
  { op: "ReduceSum", as: "empty axes do nothing", in: [cube], at: { noop_with_empty_axes: 1 }, f64: true },
  { op: "ReduceMean", as: "two axes kept", in: [cube, axes(0, 2)], f64: true },
  { op: "ReduceMean", as: "symbolic batch", in: [cube, axes(0)], at: { keepdims: 0 }, f64: true, batch: [0] },
  { op: "ReduceMax", in: [{ dims: cube, draw: "spread" }, axes(1)], at: { keepdims: 0 }, f64: true },
  { op: "ReduceMin", in: [{ dims: cube, draw: "spread" }, axes(-1)], f64: true },
  { op: "ReduceProd", in: [{ dims: cube, draw: "positive" }, axes(1)], f64: true },
  { op: "ReduceL1", in: [{ dims: cube, draw: "spread" }, axes(2)], f64: true },
  { op: "ReduceL2", in: [cube, axes(1)], at: { keepdims: 0 }, f64: true },
  { op: "ReduceSumSquare", in: [cube, axes(0)], f64: true },
  { op: "ReduceLogSum", in: [{ dims: cube, draw: "positive" }, axes(1)], f64: true },
  { op: "ReduceLogSumExp", in: [cube, axes(1, 2)], at: { keepdims: 0 }, f64: true },
  { op: "Softmax", as: "last axis", in: [cube], f64: true },
  { op: "Softmax", as: "middle axis", in: [cube], at: { axis: 1 }, f64: true },
  { op: "LogSoftmax", in: [cube], at: { axis: -1 }, f64: true },
  { op: "CumSum", in: [cube, { int64: [1], dims: [] }], f64: true },
  { op: "CumSum", as: "exclusive, reverse", in: [cube, { int64: [-1], dims: [] }], at: { exclusive: 1, reverse: 1 }, f64: true },
  { op: "TopK", in: [{ dims: [3, 5], draw: "spread" }, { int64: [2] }], outs: 2, f64: true },
];
