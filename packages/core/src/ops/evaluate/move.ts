/** Evaluation of operators that move elements: all are strided views (see strided.ts). */
import type { Node } from "../../ir/node.ts";
import { elementCount, Tensor } from "../../tensor.ts";
import { axesIn, axisIn } from "../rules/axes.ts";
import { sliceBounds } from "../rules/slice.ts";
import { broadcastShape, type Evaluate } from "./elementwise.ts";
import { broadcastStrides, MAX_ELEMENTS, strided, stridesOf, take } from "./strided.ts";

type Inputs = readonly (Tensor | undefined)[];

/** Attribute `name` where it is set, else the content of input `index` (operators that moved a list from attribute to input). */
export const listOf = (node: Node, name: string, inputs: Inputs, index: number): number[] | undefined => node.ints(name) ?? inputs[index]?.toNumbers();

export const identity: Evaluate = (_, [x]) => x && [x];

export const transpose: Evaluate = (node, [x]) => {
  if (!x || x.size > MAX_ELEMENTS) return undefined;
  const perm = node.ints("perm") ?? x.dims.map((_, i) => x.dims.length - 1 - i);
  if (perm.length !== x.dims.length || !axesIn(perm, perm.length)) return undefined;
  const strides = stridesOf(x.dims);
  return [strided(x, perm.map((p) => x.dims[p]!), perm.map((p) => strides[p]!))];
};

export const reshape: Evaluate = (node, inputs) => {
  const [x] = inputs;
  const target = listOf(node, "shape", inputs, 1);
  if (!x || !target) return undefined;
  const allowZero = node.int("allowzero", 0) !== 0;
  const dims = target.map((d, i) => (d === 0 && !allowZero ? x.dims[i] ?? 0 : d));
  const known = dims.reduce((product, d) => (d === -1 ? product : product * d), 1);
  const shape = dims.map((d) => (d === -1 ? (known === 0 ? 0 : x.size / known) : d));
  return shape.every((d) => Number.isInteger(d) && d >= 0) && elementCount(shape) === x.size ? [x.reshape(shape)] : undefined;
};

export const flatten: Evaluate = (node, [x]) => {
  if (!x) return undefined;
  const axis = axisIn(node.int("axis", 1), x.dims.length, 1);
  return axis === undefined ? undefined : [x.reshape([elementCount(x.dims.slice(0, axis)), elementCount(x.dims.slice(axis))])];
};

export const squeeze: Evaluate = (node, inputs) => {
  const [x] = inputs;
  if (!x) return undefined;
  const given = listOf(node, "axes", inputs, 1);
  const axes = given ? axesIn(given, x.dims.length) : x.dims.flatMap((d, i) => (d === 1 ? [i] : []));
  if (!axes?.every((axis) => x.dims[axis] === 1)) return undefined;
  return [x.reshape(x.dims.filter((_, i) => !axes.includes(i)))];
};

export const unsqueeze: Evaluate = (node, inputs) => {
  const [x] = inputs;
  const axes = listOf(node, "axes", inputs, 1);
  if (!x || !axes) return undefined;
  const rank = x.dims.length + axes.length;
  const at = axesIn(axes, rank);
  const rest = [...x.dims];
  return at && [x.reshape(Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : rest.shift()!)))];
};

export const slice: Evaluate = (node, inputs) => {
  const [x] = inputs;
  const [starts, ends] = [listOf(node, "starts", inputs, 1), listOf(node, "ends", inputs, 2)];
  if (!x || !starts || !ends) return undefined;
  const axes = axesIn(listOf(node, "axes", inputs, 3) ?? starts.map((_, i) => i), x.dims.length);
  const steps = inputs[4]?.toNumbers() ?? starts.map(() => 1);
  if (!axes || [starts, ends, steps].some((list) => list.length !== axes.length) || steps.includes(0)) return undefined;
  const dims = [...x.dims];
  const strides = stridesOf(x.dims);
  let offset = 0;
  axes.forEach((axis, i) => {
    const { start, length } = sliceBounds(x.dims[axis]!, starts[i]!, ends[i]!, steps[i]!);
    dims[axis] = length;
    offset += start * strides[axis]!;
    strides[axis]! *= steps[i]!;
  });
  return elementCount(dims) <= MAX_ELEMENTS ? [strided(x, dims, strides, offset)] : undefined;
};

export const concat: Evaluate = (node, inputs) => {
  const all = inputs.filter((t) => t !== undefined);
  if (all.length === 0 || all.length !== inputs.length) return undefined;
  return concatTensors(all, node.int("axis", 1));
};

/** Joins tensors: one pool of all elements, read through an index. */
export function concatTensors(all: readonly Tensor[], at: number): Tensor[] | undefined {
  const first = all[0]!;
  const axis = axisIn(at, first.dims.length);
  const alike = (t: Tensor): boolean => t.dtype === first.dtype && t.dims.length === first.dims.length && t.dims.every((d, i) => i === axis || d === first.dims[i]);
  if (axis === undefined || !all.every(alike)) return undefined;
  const dims = first.dims.map((d, i) => (i === axis ? all.reduce((sum, t) => sum + t.dims[axis]!, 0) : d));
  if (elementCount(dims) > MAX_ELEMENTS) return undefined;
  const pool = joinFlat(all);
  const outer = elementCount(dims.slice(0, axis));
  const indices: number[] = [];
  for (let o = 0; o < outer; o++) {
    let base = 0;
    for (const t of all) {
      const block = elementCount(t.dims.slice(axis));
      for (let i = 0; i < block; i++) indices.push(base + o * block + i);
      base += t.size;
    }
  }
  return [take(pool, indices, dims)];
}

/** Elements of all tensors behind one another, as a vector. */
function joinFlat(all: readonly Tensor[]): Tensor {
  const { dtype } = all[0]!;
  const count = all.reduce((sum, t) => sum + t.size, 0);
  if (dtype === "string") return Tensor.fromStrings([count], all.flatMap((t) => t.strings()));
  if (dtype.endsWith("4") && (dtype === "int4" || dtype === "uint4") || dtype === "int2" || dtype === "uint2" || dtype === "float4e2m1") {
    return Tensor.from(dtype, [count], all.flatMap((t) => t.toNumbers()));
  }
  const bytes = new Uint8Array(all.reduce((sum, t) => sum + t.byteLength, 0));
  let at = 0;
  for (const t of all) {
    bytes.set(t.bytes(), at);
    at += t.byteLength;
  }
  return Tensor.fromBytes(dtype, [count], bytes);
}

export const split: Evaluate = (node, inputs) => {
  const [x] = inputs;
  if (!x || x.size > MAX_ELEMENTS) return undefined;
  const axis = axisIn(node.int("axis", 0), x.dims.length);
  if (axis === undefined) return undefined;
  const length = x.dims[axis]!;
  const parts = node.int("num_outputs", node.outputs.length);
  const equal = Math.ceil(length / parts);
  const sizes = listOf(node, "split", inputs, 1) ?? Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(equal, length - i * equal)));
  if (sizes.reduce((sum, size) => sum + size, 0) !== length || sizes.some((size) => size < 0)) return undefined;
  if (sizes.length !== node.outputs.length) return undefined;
  const strides = stridesOf(x.dims);
  let start = 0;
  return sizes.map((size) => {
    const part = strided(x, x.dims.map((d, i) => (i === axis ? size : d)), strides, start * strides[axis]!);
    start += size;
    return part;
  });
};

export const expand: Evaluate = (_, [x, shape]) => {
  const dims = x && shape && broadcastShape(x.dims, shape.toNumbers());
  return dims && [strided(x, dims, broadcastStrides(x.dims, dims))];
};

/** A tile is a view with a repeated axis before each axis: [r0, n0, r1, n1, ...]. */
export const tile: Evaluate = (_, inputs) => {
  const [x, repeats] = inputs;
  if (!x || !repeats || inputs.length !== 2) return undefined;
  const times = repeats.toNumbers();
  if (times.length !== x.dims.length || times.some((t) => t < 0)) return undefined;
  const dims = x.dims.map((d, i) => d * times[i]!);
  if (elementCount(dims) > MAX_ELEMENTS) return undefined;
  const strides = stridesOf(x.dims);
  return [strided(x, x.dims.flatMap((d, i) => [times[i]!, d]), strides.flatMap((s) => [0, s])).reshape(dims)];
};

/** Elements on or above (upper) or on or below a diagonal; the others zero. */
export const trilu: Evaluate = (node, [x, k]) => {
  const rank = x?.dims.length ?? 0;
  if (!x || rank < 2 || x.size > MAX_ELEMENTS || x.dtype === "string") return undefined;
  const upper = node.int("upper", 1) !== 0;
  const shift = k ? Number(k.toBigInts()[0]) : 0;
  const [rows, columns] = [x.dims[rank - 2]!, x.dims[rank - 1]!];
  const indices = Int32Array.from({ length: x.size }, (_, i) => {
    const column = i % columns;
    const row = Math.floor(i / columns) % rows;
    return (upper ? column - row >= shift : column - row <= shift) ? i : x.size;
  });
  return [takeOr(x, Tensor.from(x.dtype, [], [0]), indices, x.dims)];
};

/** Like `take`, where position `source.size` stands for the fill element. */
export function takeOr(source: Tensor, fill: Tensor, indices: ArrayLike<number>, dims: readonly number[]): Tensor {
  return take(joinFlat([source.reshape([source.size]), fill]), indices, dims);
}

/** Pad with a constant (other modes copy real values and are rarely constant). Negative pads crop. */
export const pad: Evaluate = (node, inputs) => {
  const [x] = inputs;
  const pads = node.ints("pads") ?? node.ints("paddings") ?? inputs[1]?.toNumbers();
  if (!x || !pads || node.string("mode", "constant") !== "constant" || x.dtype === "string") return undefined;
  const rank = x.dims.length;
  const axes = axesIn(inputs[3]?.toNumbers() ?? x.dims.map((_, i) => i), rank);
  if (!axes || pads.length !== 2 * axes.length) return undefined;
  const before = Array.from({ length: rank }, (): number => 0);
  const dims = [...x.dims];
  axes.forEach((axis, i) => {
    before[axis] = pads[i]!;
    dims[axis]! += pads[i]! + pads[axes.length + i]!;
  });
  if (dims.some((d) => d < 0) || elementCount(dims) > MAX_ELEMENTS) return undefined;
  const fill = inputs[2]?.size === 1 ? inputs[2].reshape([]) : Tensor.from(x.dtype, [], [node.float("value") ?? 0]);
  const own = stridesOf(x.dims);
  const out = stridesOf(dims);
  const indices = Int32Array.from({ length: elementCount(dims) }, (_, i) => {
    let at = 0;
    for (let axis = 0; axis < rank; axis++) {
      const c = (Math.floor(i / out[axis]!) % dims[axis]!) - before[axis]!;
      if (c < 0 || c >= x.dims[axis]!) return x.size;
      at += c * own[axis]!;
    }
    return at;
  });
  return [takeOr(x, fill, indices, dims)];
};

