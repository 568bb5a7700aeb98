/**
 * Resize is linear along each axis: Y = A x with a matrix A that only depends on the sizes, so dx = A^T dy, axis by axis.
 * Coordinates and weights: ONNX Resize-19 (half_pixel, align_corners, asymmetric; nearest, linear, cubic by Keys 1981).
 */
import { Tensor, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { positive, range, rankOf, rule, shapeOf, transpose, unsupported } from "../build.ts";

/** dx along one axis given the matrix [out, in] of the forward pass, row by row. */
export function alongAxis(c: GradContext, dy: Value, axis: number, rank: number, matrix: Tensor): Value {
  if (axis === rank - 1) return c.emit("MatMul", [dy, c.constant(matrix)]);
  const perm = [...range(0, rank).filter((i) => i !== axis), axis];
  const last = c.emit("MatMul", [transpose(c, dy, perm), c.constant(matrix)]);
  return transpose(c, last, perm.map((_, i) => perm.indexOf(i)));
}

const resize: GradRule = (c) => {
  const { node } = c;
  const [x, y] = [c.input(0), c.output(0)];
  const rank = rankOf(c, x);
  if (node.int("antialias", 0) === 1) return unsupported(c, "antialias");
  let dx = c.dy(0)!;
  for (let axis = 0; axis < rank; axis++) {
    const [from, to] = [shapeOf(c, x)[axis], shapeOf(c, y)[axis]];
    if (from === to) continue;
    if (typeof from !== "number" || typeof to !== "number") return unsupported(c, "a resized axis of symbolic length");
    dx = alongAxis(c, dx, axis, rank, matrixOf(c, axis, from, to, x));
  }
  return [dx];
};

function matrixOf(c: GradContext, axis: number, from: number, to: number, like: Value): Tensor {
  const source = coordinates(c, from, to, scaleOf(c, axis) ?? to / from);
  const matrix = new Float64Array(to * from);
  const taps = weightsOf(c);
  for (let row = 0; row < to; row++) {
    for (const [at, weight] of taps(source(row), from)) matrix[row * from + Math.min(from - 1, Math.max(0, at))]! += weight;
  }
  return Tensor.from(like.dtype ?? "float32", [to, from], matrix);
}

/** The scale that was asked for, which may differ from the ratio of the sizes; undefined when sizes were given. */
function scaleOf(c: GradContext, axis: number): number | undefined {
  if (c.has(3) || !c.has(2)) return undefined;
  const scales = c.input(2).constant?.toNumbers();
  if (!scales) return unsupported(c, "scales that are computed at run time");
  const axes = c.node.ints("axes");
  return axes ? scales[axes.map((a) => positive(a, rankOf(c, c.input(0)))).indexOf(axis)] : scales[axis];
}

/** Position in the input of an output index. */
function coordinates(c: GradContext, from: number, to: number, scale: number): (index: number) => number {
  const mode = c.node.string("coordinate_transformation_mode", "half_pixel");
  switch (mode) {
    case "half_pixel": return (i) => (i + 0.5) / scale - 0.5;
    case "half_pixel_symmetric": { const offset = (from / 2) * (1 - to / (scale * from)); return (i) => offset + (i + 0.5) / scale - 0.5; }
    case "pytorch_half_pixel": return (i) => (to > 1 ? (i + 0.5) / scale - 0.5 : 0);
    case "align_corners": return (i) => (to === 1 ? 0 : (i * (from - 1)) / (to - 1));
    case "asymmetric": return (i) => i / scale;
    default: return unsupported(c, `coordinate_transformation_mode "${mode}"`);
  }
}

type Taps = (at: number, size: number) => readonly (readonly [index: number, weight: number])[];

function weightsOf(c: GradContext): Taps {
  const mode = c.node.string("mode", "nearest");
  if (mode === "linear") return (at) => [[Math.floor(at), 1 - (at - Math.floor(at))], [Math.floor(at) + 1, at - Math.floor(at)]];
  if (mode === "cubic") return cubic(c.node.float("cubic_coeff_a", -0.75), c.node.int("exclude_outside", 0) === 1);
  const round = rounding[c.node.string("nearest_mode", "round_prefer_floor")];
  return round ? (at) => [[round(at), 1]] : unsupported(c, "that nearest_mode");
}

const rounding: Readonly<Record<string, (at: number) => number>> = {
  round_prefer_floor: (at) => Math.ceil(at - 0.5),
  round_prefer_ceil: (at) => Math.floor(at + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Four taps; those outside count for nothing when excluded, and the rest is scaled to sum 1. */
const cubic = (a: number, exclude: boolean): Taps => (at, size) => {
  const base = Math.floor(at);
  const t = at - base;
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  const taps = [[base - 1, far(t + 1)], [base, near(t)], [base + 1, near(1 - t)], [base + 2, far(2 - t)]] as const;
  if (!exclude) return taps;
  const inside = taps.filter(([index]) => index >= 0 && index < size);
  const sum = inside.reduce((s, [, w]) => s + w, 0);
  return inside.map(([index, w]) => [index, w / sum] as const);
};

export const resizing: readonly OpRules[] = [rule("Resize", resize)];
