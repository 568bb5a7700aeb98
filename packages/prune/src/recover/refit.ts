/**
 * Recovery without labels: after a cut, each linear layer is fitted anew so that, on the caller's samples, it gives again what the
 * original layer gave at the outputs that are left. One layer after the other, each with what the layers before it now send.
 * min over W', b' of |X' W'ᵀ + b' - Y|² + λ |W' - W|², λ = strength · mean of diag(X'ᵀX'): ridge regression towards the cut weights
 * (compare He et al. 2017, "Channel pruning", least-squares reconstruction).
 */
import { inputRows, linearLayers, matrices, outputsAt, placesOf, setMatrices, Tensor, type Feeds, type Linear, type Model, type Place, type Random, type Runtime } from "@lathe/core";
import { Walk } from "../linear/walk.ts";
import type { KeptPositions } from "../structure/cut.ts";
import { System } from "./system.ts";

export interface RefitOptions {
  readonly runtime: Runtime;
  readonly batches: readonly Feeds[];
  readonly random: Random;
  /** Pull towards the cut weights. Default 0.01. */
  readonly strength?: number;
  /** Rows of the regression for each unknown of a row of the matrix: more fit the samples less closely and new ones better. Default 16. */
  readonly oversampling?: number;
  /** Layers with more inputs than this are left as they are (the work grows with its square). Default 2400. */
  readonly maxColumns?: number;
  /** Most that is kept of what each of the two models has computed so far; beyond it parts are computed again. Default 512 MiB. */
  readonly maxBytes?: number;
  /** `behind`: all layers from the first one on that lost inputs, as their inputs have changed too; `direct`: only those that lost inputs. Default "behind". */
  readonly layers?: "behind" | "direct";
  readonly signal?: AbortSignal;
  readonly onLayer?: (done: number, total: number, name: string) => void;
}

export interface RefitResult {
  readonly layer: string;
  /** Root of the mean squared error of the outputs over the root mean square of the original's, before and after. */
  readonly before: number;
  readonly after: number;
}

/**
 * Fits the linear layers of `model`, a cut copy of `original`. Layers that the cut did not change are left alone. Both models are run once,
 * piece by piece; of each layer's rows only second moments are in memory.
 */
export async function refit(model: Model, original: Model, kept: KeptPositions, options: RefitOptions): Promise<RefitResult[]> {
  const { maxColumns = 2400, layers: which = "behind", signal } = options;
  const before = new Map(linearLayers(original.graph).map((layer) => [layer.output.name, layer]));
  const layers = affected(model, kept, which).filter((layer) => layer.columns <= maxColumns && before.has(layer.output.name) && hasNoOtherTerm(layer));
  const walks = { model: new Walk(model, options), original: new Walk(original, options) };
  const results: RefitResult[] = [];
  for (const [i, layer] of layers.entries()) {
    signal?.throwIfAborted();
    const positions = outputPositions(layer, kept);
    if (positions !== undefined) results.push(await refitLayer(model, layer, { layer: before.get(layer.output.name)!, positions }, walks, options));
    options.onLayer?.(i + 1, layers.length, layer.node.label);
  }
  return results;
}

/** A bias that is computed is part of the output, but not of the regression. */
const hasNoOtherTerm = ({ node, bias }: Linear): boolean => !node.input(2) || bias !== undefined;

/** Layers that read something cut, and all behind the first of them. */
function affected(model: Model, kept: KeptPositions, which: "behind" | "direct"): Linear[] {
  const layers = linearLayers(model.graph);
  const lost = (layer: Linear): boolean => kept.has(layer.input.name);
  if (which === "direct") return layers.filter(lost);
  const first = layers.findIndex(lost);
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

interface Wanted {
  /** The layer as it was. */
  readonly layer: Linear;
  /** Which of its outputs are left. */
  readonly positions: readonly number[] | "all";
}

/** Rows that are in memory at a time. */
const BLOCK = 512;

async function refitLayer(model: Model, layer: Linear, wanted: Wanted, walks: { readonly model: Walk; readonly original: Walk }, options: RefitOptions): Promise<RefitResult> {
  const { batches, oversampling = 16, strength = 0.01 } = options;
  const { columns, rows, groups, bias } = layer;
  const perBatch = Math.max(1, Math.ceil((oversampling * columns + 64) / batches.length));
  const random = options.random.fork(layer.node.label);
  const targets: { dims: readonly number[]; places: Place[]; outputs: Float32Array[] }[] = [];
  await walks.original.behind(wanted.layer.node, [wanted.layer.output.name], (tensors) => {
    const y = tensors[wanted.layer.output.name]!;
    const places = choose(placesOf(layer, y.dims), perBatch, random);
    targets.push({ dims: y.dims, places, outputs: places.map((place) => pick(outputsAt(wanted.layer, y, place), wanted.positions)) });
  });
  const systems = Array.from({ length: groups }, () => new System(layer));
  await walks.model.before(layer.node, [layer.input.name], (tensors, b) => {
    const { dims, places, outputs } = targets[b]!;
    for (let from = 0; from < places.length; from += BLOCK) {
      const some = outputs.slice(from, from + BLOCK);
      inputRows(layer, tensors[layer.input.name]!, dims, places.slice(from, from + BLOCK)).forEach((x, g) => systems[g]!.add(x, ofGroup(some, g, rows)));
    }
  });
  const old = bias?.tensor?.toFloat32();
  const made = matrices(layer).map((matrix, g) => systems[g]!.fit(matrix, old?.subarray(g * rows, (g + 1) * rows), strength));
  setMatrices(layer, made.map((m) => m.matrix), model.graph);
  if (bias) model.graph.setInitializer(bias, Tensor.from("float32", bias.tensor!.dims, made.flatMap(({ shift }, g) => Array.from(shift, (s, r) => old![g * rows + r]! + s))));
  const energy = systems.reduce((sum, s) => sum + s.energy, 0);
  const relative = (squares: (m: (typeof made)[number]) => number): number => (energy > 0 ? Math.sqrt(made.reduce((sum, m) => sum + squares(m), 0) / energy) : 0);
  return { layer: layer.node.label, before: relative((m) => m.before), after: relative((m) => m.after) };
}

/** The outputs of one group, [places, rows]. */
function ofGroup(outputs: readonly Float32Array[], group: number, rows: number): Float64Array {
  const out = new Float64Array(outputs.length * rows);
  outputs.forEach((all, p) => out.set(all.subarray(group * rows, (group + 1) * rows), p * rows));
  return out;
}

function choose([examples, each]: readonly [number, number], count: number, random: Random): Place[] {
  const all = examples * each;
  const place = (i: number): Place => ({ example: Math.floor(i / each), position: i % each });
  if (all <= count) return Array.from({ length: all }, (_, i) => place(i));
  return Array.from({ length: count }, () => place(random.int(all)));
}

const pick = (values: Float64Array, positions: readonly number[] | "all"): Float32Array => (positions === "all" ? Float32Array.from(values) : Float32Array.from(positions, (p) => values[p]!));
