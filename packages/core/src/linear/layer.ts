/** Layers that multiply an activation with a constant matrix, seen alike: Conv (through its windows), Gemm and MatMul. */
import type { Graph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { autoPad, windowAttributes } from "../ops/rules/window.ts";
import { Tensor } from "../tensor.ts";

export interface Linear {
  readonly node: Node;
  readonly input: Value;
  readonly output: Value;
  readonly weight: Value;
  readonly bias: Value | undefined;
  /** Independent matrices: the groups of a Conv, else 1. */
  readonly groups: number;
  /** Outputs of one group. */
  readonly rows: number;
  /** Inputs of one group: channels x window for Conv, in the weight's order. */
  readonly columns: number;
  /** Axis of the output that counts outputs. */
  readonly outputAxis: number;
}

/** All linear layers of a graph with float32 constants, in execution order. */
export const linearLayers = (graph: Graph): Linear[] => [...graph.nodes].flatMap((node) => linearOf(node) ?? []);

export function linearOf(node: Node): Linear | undefined {
  const [input, weight, output] = [node.input(0), node.input(1), node.output(0)];
  const tensor = weight?.isInitializer ? weight.tensor : undefined;
  if (!input || !output || !weight || input.tensor || tensor?.dtype !== "float32") return undefined;
  const bias = node.input(2)?.isInitializer ? node.input(2) : undefined;
  const common = { node, input, output, weight, bias };
  if (node.is("Conv")) {
    const groups = node.int("group", 1);
    const [m = 0, ...rest] = tensor.dims;
    if (!["NOTSET", "VALID"].includes(autoPad(node))) return undefined;
    return { ...common, groups, rows: m / groups, columns: rest.reduce((p, d) => p * d, 1), outputAxis: 1 };
  }
  if (tensor.dims.length !== 2) return undefined;
  const [k = 0, n = 0] = isTransposed(node) ? [tensor.dims[1]!, tensor.dims[0]!] : tensor.dims;
  if (node.is("Gemm") && node.int("transA", 0) === 0 && node.float("alpha", 1) === 1 && (!node.input(2) || (bias && node.float("beta", 1) === 1))) return { ...common, groups: 1, rows: n, columns: k, outputAxis: 1 };
  return node.is("MatMul") ? { ...common, bias: undefined, groups: 1, rows: n, columns: k, outputAxis: -1 } : undefined;
}

const isTransposed = (node: Node): boolean => node.is("Conv") || node.int("transB", 0) === 1;

/** The weight as one matrix [rows, columns] per group, in float64. */
export const matrices = (layer: Linear): Float64Array[] => toMatrices(layer, layer.weight.tensor!.toFloat32());

/** One number for each element of the weight, in its order, as matrices [rows, columns], one per group. */
export function toMatrices({ node, groups, rows, columns }: Linear, data: ArrayLike<number>): Float64Array[] {
  const size = rows * columns;
  if (isTransposed(node)) return Array.from({ length: groups }, (_, g) => Float64Array.from({ length: size }, (__, i) => data[g * size + i]!));
  const out = new Float64Array(size);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[r * columns + c] = data[c * rows + r]!;
  return [out];
}

/** The way back: numbers in the order of the weight's elements. */
export function fromMatrices({ node, groups, rows, columns }: Linear, all: readonly ArrayLike<number>[]): Float32Array {
  const data = new Float32Array(groups * rows * columns);
  all.forEach((matrix, g) => {
    if (isTransposed(node)) data.set(matrix, g * rows * columns);
    else for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[c * rows + r] = matrix[r * columns + c]!;
  });
  return data;
}

/** Puts matrices back in place of the weight; a weight that others read is left to them. */
export function setMatrices(layer: Linear, all: readonly Float64Array[], graph: Graph): void {
  const { node, weight } = layer;
  const tensor = Tensor.from("float32", weight.tensor!.dims, fromMatrices(layer, all));
  if (weight.useCount === 1) graph.setInitializer(weight, tensor);
  else node.setInput(1, graph.addInitializer(weight.name, tensor));
}

/** One place where the layer is applied: example, and position among the outputs of one channel. */
export interface Place {
  readonly example: number;
  readonly position: number;
}

/** How many places an output of these dims has: [examples, positions each]. */
export function placesOf({ node }: Linear, dims: readonly number[]): [number, number] {
  const spatial = node.is("Conv") ? dims.slice(2) : dims.slice(1, -1);
  return [dims.length > 1 ? dims[0]! : 1, spatial.reduce((p, d) => p * d, 1)];
}

/** What the layer gave at a place: all outputs, group after group. */
export function outputsAt(layer: Linear, y: Tensor, { example, position }: Place): Float64Array {
  const data = y.toFloat32();
  const width = layer.groups * layer.rows;
  const [, positions] = placesOf(layer, y.dims);
  if (!layer.node.is("Conv")) return Float64Array.from(data.subarray((example * positions + position) * width, (example * positions + position + 1) * width));
  return Float64Array.from({ length: width }, (_, c) => data[(example * width + c) * positions + position]!);
}

/** What one group of the layer reads at a place: `columns` numbers. */
export const inputsAt = (layer: Linear, x: Tensor, outputDims: readonly number[], place: Place, group: number): Float64Array =>
  inputRows(layer, x, outputDims, [place], group)[0]!;

/** What each group of the layer (or only the given one) reads at some places: [places, columns] per group. Padding reads 0. */
export function inputRows(layer: Linear, x: Tensor, outputDims: readonly number[], places: readonly Place[], only?: number): Float64Array[] {
  const { columns } = layer;
  const data = x.toFloat32();
  const groups = only === undefined ? Array.from({ length: layer.groups }, (_, g) => g) : [only];
  const rows = groups.map(() => new Float64Array(places.length * columns));
  if (!layer.node.is("Conv")) {
    const [, positions] = placesOf(layer, outputDims);
    places.forEach(({ example, position }, p) => {
      const at = (example * positions + position) * columns;
      rows[0]!.set(data.subarray(at, at + columns), p * columns);
    });
    return rows;
  }
  const geometry = windowOf(layer, x.dims, outputDims);
  const { taps, plane, channels, own, offsets } = geometry;
  places.forEach(({ example, position }, p) => {
    tapOffsets(geometry, position);
    for (const [i, g] of groups.entries()) {
      const row = rows[i]!;
      for (let c = 0; c < own; c++) {
        const from = (example * channels + g * own + c) * plane;
        const to = p * columns + c * taps;
        for (let tap = 0; tap < taps; tap++) row[to + tap] = offsets[tap]! < 0 ? 0 : data[from + offsets[tap]!]!;
      }
    }
  });
  return rows;
}

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly size: readonly number[];
  readonly lengths: readonly number[];
  readonly channels: number;
  /** Input channels of one group. */
  readonly own: number;
  readonly plane: number;
  readonly taps: number;
  /** Where each tap reads within a channel, at one place; -1 in the padding. */
  readonly offsets: Int32Array;
}

function windowOf({ node, weight }: Linear, dims: readonly number[], outputDims: readonly number[]): Window {
  const [, channels = 1, ...size] = dims;
  const [, own = 1, ...kernel] = weight.tensor!.dims;
  const taps = kernel.reduce((p, d) => p * d, 1);
  return {
    kernel, size, channels, own, taps, lengths: outputDims.slice(2), plane: size.reduce((p, d) => p * d, 1), offsets: new Int32Array(taps),
    ...windowAttributes(node, kernel.length),
  };
}

function tapOffsets({ kernel, strides, dilations, pads, size, lengths, taps, offsets }: Window, position: number): void {
  const rank = kernel.length;
  for (let tap = 0; tap < taps; tap++) {
    let [offset, step, restTap, restPlace, inside] = [0, 1, tap, position, true];
    for (let axis = rank - 1; axis >= 0; axis--) {
      const at = (restPlace % lengths[axis]!) * strides[axis]! - pads[axis]! + (restTap % kernel[axis]!) * dilations[axis]!;
      restPlace = Math.floor(restPlace / lengths[axis]!);
      restTap = Math.floor(restTap / kernel[axis]!);
      if (at < 0 || at >= size[axis]!) inside = false;
      offset += at * step;
      step *= size[axis]!;
    }
    offsets[tap] = inside ? offset : -1;
  }
}
