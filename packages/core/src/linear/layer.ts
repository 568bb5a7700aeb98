/** Layers that multiply an activation with a constant matrix, seen alike: Conv (through its windows), Gemm and MatMul. */
import type { Graph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
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
    const auto = node.string("auto_pad", "NOTSET");
    if (auto !== "NOTSET" && auto !== "VALID") return undefined;
    return { ...common, groups, rows: m / groups, columns: rest.reduce((p, d) => p * d, 1), outputAxis: 1 };
  }
  if (tensor.dims.length !== 2) return undefined;
  const [k = 0, n = 0] = isTransposed(node) ? [tensor.dims[1]!, tensor.dims[0]!] : tensor.dims;
  if (node.is("Gemm") && node.int("transA", 0) === 0 && node.float("alpha", 1) === 1 && (!node.input(2) || (bias && node.float("beta", 1) === 1))) return { ...common, groups: 1, rows: n, columns: k, outputAxis: 1 };
  return node.is("MatMul") ? { ...common, bias: undefined, groups: 1, rows: n, columns: k, outputAxis: -1 } : undefined;
}

const isTransposed = (node: Node): boolean => node.is("Conv") || node.int("transB", 0) === 1;

/** The weight as one matrix [rows, columns] per group, in float64. */
export function matrices({ node, weight, groups, rows, columns }: Linear): Float64Array[] {
  const data = weight.tensor!.toFloat32();
  if (isTransposed(node)) return Array.from({ length: groups }, (_, g) => Float64Array.from(data.subarray(g * rows * columns, (g + 1) * rows * columns)));
  const out = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[r * columns + c] = data[c * rows + r]!;
  return [out];
}

/** Puts matrices back in place of the weight; a weight that others read is left to them. */
export function setMatrices({ node, weight, groups, rows, columns }: Linear, all: readonly Float64Array[], graph: Graph): void {
  const data = new Float32Array(groups * rows * columns);
  all.forEach((matrix, g) => {
    if (isTransposed(node)) data.set(matrix, g * rows * columns);
    else for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[c * rows + r] = matrix[r * columns + c]!;
  });
  const tensor = Tensor.from("float32", weight.tensor!.dims, data);
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
export function inputsAt(layer: Linear, x: Tensor, outputDims: readonly number[], { example, position }: Place, group: number): Float64Array {
  const data = x.toFloat32();
  const { columns, node } = layer;
  if (node.is("Conv")) return window(layer, data, x.dims, outputDims, example, position, group);
  const [, positions] = placesOf(layer, outputDims);
  const row = example * positions + position;
  return Float64Array.from(data.subarray(row * columns, (row + 1) * columns));
}

function window({ node, weight, columns }: Linear, data: Float32Array, dims: readonly number[], outputDims: readonly number[], example: number, position: number, group: number): Float64Array {
  const [, channels = 1, ...size] = dims;
  const kernel = weight.tensor!.dims.slice(2);
  const own = weight.tensor!.dims[1]!;
  const rank = kernel.length;
  const strides = node.ints("strides") ?? kernel.map(() => 1);
  const dilations = node.ints("dilations") ?? kernel.map(() => 1);
  const pads = node.string("auto_pad", "NOTSET") === "VALID" ? kernel.map(() => 0) : node.ints("pads") ?? kernel.map(() => 0);
  const at: number[] = [];
  for (let axis = rank - 1, rest = position; axis >= 0; axis--) {
    const length = outputDims[axis + 2]!;
    at[axis] = (rest % length) * strides[axis]! - pads[axis]!;
    rest = Math.floor(rest / length);
  }
  const plane = size.reduce((p, d) => p * d, 1);
  const taps = kernel.reduce((p, d) => p * d, 1);
  const out = new Float64Array(columns);
  for (let tap = 0; tap < taps; tap++) {
    let offset = 0;
    let inside = true;
    for (let axis = rank - 1, rest = tap, step = 1; axis >= 0; axis--) {
      const p = at[axis]! + (rest % kernel[axis]!) * dilations[axis]!;
      rest = Math.floor(rest / kernel[axis]!);
      if (p < 0 || p >= size[axis]!) inside = false;
      offset += p * step;
      step *= size[axis]!;
    }
    if (!inside) continue;
    for (let c = 0; c < own; c++) out[c * taps + tap] = data[(example * channels + group * own + c) * plane + offset]!;
  }
  return out;
}
