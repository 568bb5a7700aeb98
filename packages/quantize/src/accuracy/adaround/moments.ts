/** Second moments of what a layer reads: G = E[x' x'^T] and E[(x' - x) x'^T], x of the float network and x' of the quantized one. */
import { eachActivation, inputRows, placesOf, type Feeds, type Linear, type Model, type Place, type Random, type Runtime } from "@lathe/core";
import type { Products } from "./product.ts";

export interface Moments {
  /** [columns, columns] */
  readonly gram: Float64Array;
  /** [columns, columns]; undefined when both networks send the same. */
  readonly shift: Float64Array | undefined;
  /** E[(x' - x)(x' - x)^T]: what no rounding of this layer changes. */
  readonly excess: Float64Array | undefined;
}

export interface MomentOptions {
  readonly runtime: Runtime;
  readonly batches: readonly Feeds[];
  readonly random: Random;
  /** Places at which the layer is looked at, in all. */
  readonly places: number;
  readonly products: Products;
  readonly signal?: AbortSignal | undefined;
}

/** Moments of each group of a layer. `quantized` is the model whose earlier layers are quantized; undefined: the float one's inputs count. */
export async function momentsOf(float: Model, quantized: Model | undefined, layer: Linear, options: MomentOptions): Promise<Moments[]> {
  const { batches, runtime, signal, random, products } = options;
  const { columns } = layer;
  const perBatch = Math.ceil(options.places / batches.length);
  const sums = Array.from({ length: layer.groups }, () => ({ gram: new Float64Array(columns ** 2), shift: quantized && new Float64Array(columns ** 2), excess: quantized && new Float64Array(columns ** 2) }));
  const chosen: { places: readonly Place[]; dims: readonly number[]; rows: Float64Array[] }[] = [];
  await eachActivation(float, [layer.input.name, layer.output.name], batches, runtime, (tensors) => {
    const [x, y] = [tensors[layer.input.name]!, tensors[layer.output.name]!];
    const places = choose(placesOf(layer, y.dims), perBatch, random);
    chosen.push({ places, dims: y.dims, rows: inputRows(layer, x, y.dims, places) });
  }, signal);
  const others: Float64Array[][] = [];
  if (quantized) {
    await eachActivation(quantized, [layer.input.name], batches, runtime, (tensors, b) => {
      const { places, dims } = chosen[b]!;
      others.push(inputRows(layer, tensors[layer.input.name]!, dims, places));
    }, signal);
  }
  for (const [b, { rows, places }] of chosen.entries()) {
    for (const [g, sum] of sums.entries()) {
      signal?.throwIfAborted();
      const x = rows[g]!;
      const seen = others[b]?.[g] ?? x;
      /** a^T b for a, b [places, columns], `a` transposed. */
      const outer = (a: Float64Array, b: Float64Array): Float64Array | Promise<Float64Array> => products.multiply(a, b, columns, places.length, columns);
      add(sum.gram, await outer(transposed(seen, columns), seen));
      if (sum.shift && sum.excess) {
        const e = seen.map((s, i) => s - x[i]!);
        const turned = transposed(e, columns);
        add(sum.shift, await outer(turned, seen));
        add(sum.excess, await outer(turned, e));
      }
    }
  }
  const count = chosen.reduce((sum, { places }) => sum + places.length, 0);
  return sums.map(({ gram, shift, excess }) => ({ gram: gram.map((v) => v / count), shift: shift?.map((v) => v / count), excess: excess?.map((v) => v / count) }));
}

function choose([examples, each]: readonly [number, number], count: number, random: Random): Place[] {
  const all = examples * each;
  const place = (i: number): Place => ({ example: Math.floor(i / each), position: i % each });
  if (all <= count) return Array.from({ length: all }, (_, i) => place(i));
  return Array.from({ length: count }, () => place(random.int(all)));
}

function transposed(rows: Float64Array, columns: number): Float64Array {
  const count = rows.length / columns;
  const turned = new Float64Array(rows.length);
  for (let r = 0; r < count; r++) for (let c = 0; c < columns; c++) turned[c * count + r] = rows[r * columns + c]!;
  return turned;
}

function add(to: Float64Array, what: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i]! += what[i]!;
}
