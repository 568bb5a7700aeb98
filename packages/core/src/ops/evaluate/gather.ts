/** Evaluation of Gather, GatherElements, GatherND, Scatter* on small tensors. */
import { elementCount, type Tensor } from "../../tensor.ts";
import { axisIn } from "../rules/axes.ts";
import type { Evaluate } from "./elementwise.ts";
import { concatTensors } from "./move.ts";
import { MAX_ELEMENTS, stridesOf, take } from "./strided.ts";

/** Index from the end when negative; undefined when outside. */
function positions(indices: Tensor, size: number): number[] | undefined {
  const all = indices.toNumbers().map((i) => (i < 0 ? i + size : i));
  return all.every((i) => i >= 0 && i < size) ? all : undefined;
}

export const gather: Evaluate = (node, [data, indices]) => {
  if (!data || !indices) return undefined;
  const axis = axisIn(node.int("axis", 0), data.dims.length);
  if (axis === undefined) return undefined;
  const at = positions(indices, data.dims[axis]!);
  const dims = [...data.dims.slice(0, axis), ...indices.dims, ...data.dims.slice(axis + 1)];
  if (!at || elementCount(dims) > MAX_ELEMENTS) return undefined;
  const inner = elementCount(data.dims.slice(axis + 1));
  const block = inner * data.dims[axis]!;
  const outer = elementCount(data.dims.slice(0, axis));
  const flat: number[] = [];
  for (let o = 0; o < outer; o++) for (const i of at) for (let k = 0; k < inner; k++) flat.push(o * block + i * inner + k);
  return [take(data, flat, dims)];
};

/** Flat position in `data` for every element of `indices`, which replaces the coordinate on `axis`. */
function elementPositions(data: Tensor, indices: Tensor, givenAxis: number): number[] | undefined {
  const axis = axisIn(givenAxis, data.dims.length);
  if (axis === undefined || indices.dims.length !== data.dims.length || indices.dims.some((d, i) => i !== axis && d > data.dims[i]!)) return undefined;
  const at = positions(indices, data.dims[axis]!);
  if (!at || indices.size > MAX_ELEMENTS) return undefined;
  const from = stridesOf(indices.dims);
  const to = stridesOf(data.dims);
  return at.map((index, i) => from.reduce((sum, stride, d) => sum + (d === axis ? index : Math.floor(i / stride) % indices.dims[d]!) * to[d]!, 0));
}

export const gatherElements: Evaluate = (node, [data, indices]) => {
  if (!data || !indices) return undefined;
  const flat = elementPositions(data, indices, node.int("axis", 0));
  return flat && [take(data, flat, indices.dims)];
};

/** Flat start in `data` of the block that each index tuple names; `batch` leading axes are walked in parallel. */
function tuplePositions(data: Tensor, indices: Tensor, batch: number): number[] | undefined {
  const depth = indices.dims.at(-1);
  if (depth === undefined || depth < 1 || batch < 0 || batch + depth > data.dims.length || indices.dims.length <= batch) return undefined;
  if (indices.dims.slice(0, batch).some((d, i) => d !== data.dims[i])) return undefined;
  const strides = stridesOf(data.dims);
  const tuples = indices.toNumbers();
  const count = elementCount(indices.dims.slice(0, -1));
  const perBatch = count / Math.max(1, elementCount(data.dims.slice(0, batch)));
  const batchBlock = elementCount(data.dims.slice(batch));
  const starts: number[] = [];
  for (let t = 0; t < count; t++) {
    let at = batch === 0 ? 0 : Math.floor(t / perBatch) * batchBlock;
    for (let k = 0; k < depth; k++) {
      const size = data.dims[batch + k]!;
      const raw = tuples[t * depth + k]!;
      const index = raw < 0 ? raw + size : raw;
      if (index < 0 || index >= size) return undefined;
      at += index * strides[batch + k]!;
    }
    starts.push(at);
  }
  return starts;
}

export const gatherND: Evaluate = (node, [data, indices]) => {
  if (!data || !indices || indices.dims.length === 0) return undefined;
  const batch = node.int("batch_dims", 0);
  const starts = tuplePositions(data, indices, batch);
  const tail = data.dims.slice(batch + indices.dims.at(-1)!);
  const dims = [...indices.dims.slice(0, -1), ...tail];
  if (!starts || elementCount(dims) > MAX_ELEMENTS) return undefined;
  const block = elementCount(tail);
  return [take(data, starts.flatMap((s) => Array.from({ length: block }, (_, i) => s + i)), dims)];
};

/** Writes updates over a copy of data: an index into [data, updates] laid behind one another. Only without a reduction. */
function scatter(data: Tensor, updates: Tensor, targets: readonly number[]): Tensor[] | undefined {
  if (data.size > MAX_ELEMENTS || targets.length !== updates.size) return undefined;
  const pool = concatTensors([data.reshape([data.size]), updates.reshape([updates.size])], 0)?.[0];
  if (!pool) return undefined;
  const source = Array.from({ length: data.size }, (_, i) => i);
  targets.forEach((target, i) => { source[target] = data.size + i; });
  return [take(pool, source, data.dims)];
}

export const scatterElements: Evaluate = (node, [data, indices, updates]) => {
  if (!data || !indices || !updates || node.string("reduction", "none") !== "none") return undefined;
  const flat = elementPositions(data, indices, node.int("axis", 0));
  return flat && updates.dims.join() === indices.dims.join() ? scatter(data, updates, flat) : undefined;
};

export const scatterND: Evaluate = (node, [data, indices, updates]) => {
  if (!data || !indices || !updates || node.string("reduction", "none") !== "none") return undefined;
  const starts = tuplePositions(data, indices, 0);
  const block = elementCount(data.dims.slice(indices.dims.at(-1)!));
  return starts && scatter(data, updates, starts.flatMap((s) => Array.from({ length: block }, (_, i) => s + i)));
};
