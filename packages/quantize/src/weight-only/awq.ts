/**
 * AWQ (Lin et al. 2023): weights of channels with large activations are scaled up before rounding, and the activation down by the
 * same factor, which the LayerNormalization before it takes over (else a Mul). The exponent is the one of twenty that changes X W
 * least. The size of a channel is its root mean square, where the paper has the mean magnitude.
 */
import { Node, Tensor, Value, type Graph } from "@lathe/core";
import { scaleChannels } from "../accuracy/equalize.ts";
import { clipBlocks } from "./awq-clip.ts";
import { blocksOf, visitBlocks, type MatrixView } from "./blocks.ts";
import { blockFit, type FitOptions } from "./fit.ts";
import { newFitted } from "./fitted.ts";
import type { Gram } from "./gram.ts";
import type { Product } from "./products.ts";

const STEPS = 20;
/** Output columns whose error is measured, spread over the weight. */
const COLUMNS = 64;

type AwqOptions = FitOptions & { readonly blockSize: number; readonly clip?: boolean | undefined };

/** Scales the weights of all products that read `input`, in place. Gives the exponent; 0 when scaling does not help. */
export function applyAwq(input: Value, products: readonly Product[], gram: Gram, options: AwqOptions, graph: Graph): number {
  const columns = products.map(({ view }) => sampleColumns(view));
  let best = { alpha: 0, error: totalError(columns, new Float64Array(gram.k).fill(1), gram, options), scales: undefined as Float64Array | undefined };
  for (let step = 1; step < STEPS; step++) {
    const alpha = step / STEPS;
    const scales = channelScales(gram, alpha);
    const error = totalError(columns, scales, gram, options);
    if (error < best.error) best = { alpha, error, scales };
  }
  if (!best.scales && !options.clip) return 0;
  const factors = best.scales ? Float32Array.from(best.scales) : new Float32Array(gram.k).fill(1);
  for (const { node, weight, view } of products) {
    const scaled = scaleChannels(view.tensor.reshape(view.transposed ? [view.n, view.k] : [view.k, view.n]), view.transposed ? 1 : 0, factors);
    const final = options.clip ? clipBlocks({ ...view, tensor: scaled }, gram, factors, options) : scaled;
    const made = weight.graph!.addInitializer(`${weight.name}_awq`, final.reshape(view.tensor.dims).cast(view.tensor.dtype));
    node.setInput(1, made);
  }
  if (best.scales) divide(input, products.map((p) => p.node), factors.map((s) => 1 / s), graph);
  return best.alpha;
}

/** s_k = rms(x_k)^alpha, centred around 1. */
function channelScales({ k, products, rows }: Gram, alpha: number): Float64Array {
  const scales = Float64Array.from({ length: k }, (_, i) => Math.max(1e-4, Math.sqrt(products[i * k + i]! / rows)) ** alpha);
  let min = Infinity;
  let max = 0;
  for (const s of scales) {
    if (s < min) min = s;
    if (s > max) max = s;
  }
  return scales.map((s) => s / Math.sqrt(min * max));
}

/** Some columns of the weight, each contiguous. */
function sampleColumns(view: MatrixView): Float32Array[] {
  const stride = Math.max(1, Math.floor(view.n / COLUMNS));
  const found: Float32Array[] = [];
  visitBlocks(view, view.k, (x, from, column) => {
    if (column % stride === 0 && found.length < COLUMNS) found.push(x.slice(from, from + view.k));
  });
  return found;
}

/** Sum of d^T (X^T X) d over the columns, d being the change of a column by rounding. */
function totalError(columns: readonly Float32Array[][], scales: Float64Array, { k, products }: Gram, options: AwqOptions): number {
  const fit = blockFit(options);
  const fitted = newFitted(options.blockSize);
  const scaled = new Float32Array(blocksOf(k, options.blockSize) * options.blockSize);
  const d = new Float64Array(k);
  let error = 0;
  for (const column of columns.flat()) {
    for (let i = 0; i < k; i++) scaled[i] = column[i]! * scales[i]!;
    for (let from = 0; from < k; from += options.blockSize) {
      fit(scaled, from, fitted);
      for (let i = 0; i < options.blockSize && from + i < k; i++) {
        d[from + i] = ((fitted.codes[i]! - fitted.zero) * fitted.scale) / scales[from + i]! - column[from + i]!;
      }
    }
    for (let i = 0; i < k; i++) {
      let sum = 0;
      for (let j = 0, row = i * k; j < k; j++) sum += products[row + j]! * d[j]!;
      error += sum * d[i]!;
    }
  }
  return error;
}

/** `nodes` read the input times `inverse` from now on. */
function divide(input: Value, nodes: readonly Node[], inverse: Float32Array, graph: Graph): void {
  if (foldIntoNorm(input, nodes.length, inverse, graph)) return;
  const dtype = input.dtype ?? "float32";
  const divisor = graph.addInitializer(`${input.name}_awq`, Tensor.from("float32", [inverse.length], inverse).cast(dtype));
  const mul = new Node({ opType: "Mul", name: `${input.name}_awq`, inputs: [input, divisor], outputs: [new Value(`${input.name}_awq_scaled`, input.type)] });
  if (input.producer) graph.insertAfter(input.producer, mul);
  else graph.insertBefore(graph.firstNode!, mul);
  for (const node of nodes) node.setInput(0, mul.out);
}

function foldIntoNorm(input: Value, consumers: number, inverse: Float32Array, graph: Graph): boolean {
  const norm = input.producer;
  const knows = norm?.is("LayerNormalization") || norm?.is("RMSNormalization") || norm?.is("SimplifiedLayerNormalization");
  if (!knows || input.useCount !== consumers || input.isGraphOutput || norm!.int("axis", -1) !== -1) return false;
  const parts = [norm!.input(1), norm!.input(2)].filter((v): v is Value => v !== undefined);
  if (parts.some((v) => !v.isInitializer || v.graph !== graph || v.useCount !== 1)) return false;
  for (const part of parts) graph.setInitializer(part, scaleChannels(part.tensor!, 0, inverse).cast(part.dtype!));
  return true;
}
