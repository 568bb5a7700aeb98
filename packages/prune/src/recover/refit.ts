/**
 * Recovery without labels: after a cut, each linear layer is fitted anew so that, on the caller's samples, it gives again what the
 * original layer gave at the outputs that are left. One layer after the other, each with what the layers before it now send.
 * min over W', b' of |X' W'ᵀ + b' - Y|² + λ |W' - W|², λ = strength · mean of diag(X'ᵀX'): ridge regression towards the cut weights
 * (compare He et al. 2017, "Channel pruning", least-squares reconstruction).
 */
import {
  eachActivation, inputsAt, linearLayers, matrices, outputsAt, placesOf, setMatrices, Tensor, type Feeds, type Linear, type Model, type Place, type Random, type Runtime,
} from "@lathe/core";
import type { KeptPositions } from "../structure/cut.ts";
import { addOuter, dampedCholesky, mirror, solve } from "../linear/algebra.ts";

export interface RefitOptions {
  readonly runtime: Runtime;
  readonly batches: readonly Feeds[];
  readonly random: Random;
  /** Pull towards the cut weights. Default 0.01. */
  readonly strength?: number;
  /** Rows of the regression for each unknown of a row of the matrix. Default 4. */
  readonly oversampling?: number;
  /** Layers with more inputs than this are left as they are (the work grows with its square). Default 2400. */
  readonly maxColumns?: number;
  readonly signal?: AbortSignal;
  readonly onLayer?: (done: number, total: number, name: string) => void;
}

export interface RefitResult {
  readonly layer: string;
  /** Root of the mean squared error of the outputs over the root mean square of the original's, before and after. */
  readonly before: number;
  readonly after: number;
}

/** Fits the linear layers of `model`, a cut copy of `original`. Layers that the cut did not change are left alone. */
export async function refit(model: Model, original: Model, kept: KeptPositions, options: RefitOptions): Promise<RefitResult[]> {
  const { maxColumns = 2400 } = options;
  const before = new Map(linearLayers(original.graph).map((layer) => [layer.output.name, layer]));
  const layers = affected(model, kept).filter((layer) => layer.columns <= maxColumns && before.has(layer.output.name));
  const results: RefitResult[] = [];
  for (const [i, layer] of layers.entries()) {
    options.signal?.throwIfAborted();
    const positions = outputPositions(layer, kept);
    if (positions !== undefined) results.push(await refitLayer(model, original, layer, positions, options));
    options.onLayer?.(i + 1, layers.length, layer.node.label);
  }
  return results;
}

/** Layers behind a cut: all from the first one on whose input lost something. */
function affected(model: Model, kept: KeptPositions): Linear[] {
  const layers = linearLayers(model.graph);
  const first = layers.findIndex((layer) => kept.has(layer.input.name));
  return first < 0 ? [] : layers.slice(first);
}

/** Kept positions of the layer's outputs ("all": none were cut); undefined when another axis was cut, so that places do not match. */
function outputPositions(layer: Linear, kept: KeptPositions): readonly number[] | "all" | undefined {
  const axes = kept.get(layer.output.name);
  if (!axes) return "all";
  const rank = layer.output.shape?.length ?? 0;
  const axis = layer.outputAxis < 0 ? rank + layer.outputAxis : layer.outputAxis;
  return axes.size === 1 ? axes.get(axis) : undefined;
}

interface System {
  readonly gram: Float64Array;
  /** [rows, size]: Σ residual · x. */
  readonly right: Float64Array;
  count: number;
  squares: number;
  energy: number;
}

async function refitLayer(model: Model, original: Model, layer: Linear, positions: readonly number[] | "all", options: RefitOptions): Promise<RefitResult> {
  const { batches, runtime, oversampling = 4, strength = 0.01, signal } = options;
  const targets: { places: Place[]; outputs: Float64Array[] }[] = [];
  const perBatch = Math.max(1, Math.ceil((oversampling * layer.columns + 64) / batches.length));
  const random = options.random.fork(layer.node.label);
  await eachActivation(original, [layer.output.name], batches, runtime, (tensors) => {
    const y = tensors[layer.output.name]!;
    const wide = positions === "all" ? layer : { ...layer, rows: y.dims.at(layer.outputAxis)!, groups: 1 };
    const places = choose(placesOf(wide, y.dims), perBatch, random);
    targets.push({ places, outputs: places.map((place) => pick(outputsAt(wide, y, place), positions)) });
  }, signal);
  const size = layer.columns + (layer.bias ? 1 : 0);
  const old = matrices(layer);
  const bias = layer.bias?.tensor?.toFloat32();
  const systems = old.map((): System => ({ gram: new Float64Array(size * size), right: new Float64Array(layer.rows * size), count: 0, squares: 0, energy: 0 }));
  await eachActivation(model, [layer.input.name, layer.output.name], batches, runtime, (tensors, b) => {
    const [x, y] = [tensors[layer.input.name]!, tensors[layer.output.name]!];
    const { places, outputs } = targets[b]!;
    places.forEach((place, p) => {
      const now = outputsAt(layer, y, place);
      systems.forEach((system, g) => addRow(system, layer, withOne(inputsAt(layer, x, y.dims, place, g), size), now, outputs[p]!, g));
    });
  }, signal);
  const made = old.map((matrix, g) => fitted(matrix, systems[g]!, layer, size, strength));
  setMatrices(layer, made.map((m) => m.matrix), model.graph);
  if (layer.bias) model.graph.setInitializer(layer.bias, Tensor.from("float32", layer.bias.tensor!.dims, made.flatMap(({ shift }, g) => Array.from(shift, (s, r) => bias![g * layer.rows + r]! + s))));
  const energy = systems.reduce((sum, s) => sum + s.energy, 0);
  const relative = (squares: number): number => (energy > 0 ? Math.sqrt(Math.max(0, squares) / energy) : 0);
  return { layer: layer.node.label, before: relative(systems.reduce((sum, s) => sum + s.squares, 0)), after: relative(made.reduce((sum, m) => sum + m.squares, 0)) };
}

function choose([examples, each]: readonly [number, number], count: number, random: Random): Place[] {
  const all = examples * each;
  const place = (i: number): Place => ({ example: Math.floor(i / each), position: i % each });
  if (all <= count) return Array.from({ length: all }, (_, i) => place(i));
  return Array.from({ length: count }, () => place(random.int(all)));
}

const pick = (values: Float64Array, positions: readonly number[] | "all"): Float64Array => (positions === "all" ? values : Float64Array.from(positions, (p) => values[p]!));

function withOne(x: Float64Array, size: number): Float64Array {
  if (x.length === size) return x;
  const out = new Float64Array(size).fill(1);
  out.set(x);
  return out;
}

/** One row of the regression: what is missing at the outputs, over what comes in. */
function addRow(system: System, layer: Linear, x: Float64Array, now: Float64Array, wanted: Float64Array, group: number): void {
  const size = x.length;
  addOuter(system.gram, size, x);
  system.count++;
  for (let r = 0; r < layer.rows; r++) {
    const target = wanted[group * layer.rows + r]!;
    const missing = target - now[group * layer.rows + r]!;
    system.squares += missing * missing;
    system.energy += target * target;
    for (let c = 0, at = r * size; c < size; c++) system.right[at + c]! += missing * x[c]!;
  }
}

/** W + Δ with (XᵀX + λI) Δᵀ = Xᵀ(Y − XWᵀ): the same as ridge regression of W' pulled towards W. The bias is not held back. */
function fitted(matrix: Float64Array, system: System, layer: Linear, size: number, strength: number): { matrix: Float64Array; shift: Float64Array; squares: number } {
  const { gram, right } = system;
  const { columns, rows } = layer;
  mirror(gram, size);
  let mean = 0;
  for (let i = 0; i < columns; i++) mean += gram[i * size + i]! / columns;
  const held = gram.slice();
  // Inputs that are zero throughout (a dead channel of a depthwise layer) tell nothing: any pull keeps their weights as they are.
  for (let i = 0; i < columns; i++) held[i * size + i]! += mean === 0 ? 1 : strength * mean;
  const factor = dampedCholesky(held, size, 1e-10, layer.node.label);
  const delta = right.slice();
  solve(factor, size, delta, rows);
  const out = matrix.slice();
  const shift = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) out[r * columns + c]! += delta[r * size + c]!;
    if (size > columns) shift[r] = delta[r * size + columns]!;
  }
  return { matrix: out, shift, squares: system.squares + change(delta, gram, right, rows, size) };
}

/** |R − XΔᵀ|² − |R|² = Σ Δ (G Δ − 2 XᵀR). */
function change(delta: Float64Array, gram: Float64Array, right: Float64Array, rows: number, size: number): number {
  let sum = 0;
  for (let r = 0; r < rows; r++) {
    for (let i = 0, at = r * size; i < size; i++) {
      let g = 0;
      for (let j = 0; j < size; j++) g += gram[i * size + j]! * delta[at + j]!;
      sum += delta[at + i]! * (g - 2 * right[at + i]!);
    }
  }
  return sum;
}
