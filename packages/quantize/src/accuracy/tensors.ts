/** SQNR of every quantized tensor, ranked: where the noise comes in. */
import { feedsOf, inferShapes, type Distribution, type Feeds, type Model, type Runtime } from "@lathe/core";
import { addToHistogram, histogramEdges, type Histogram } from "../calibrate/histogram.ts";
import { fullRange, isFloat8, type QuantType } from "../params.ts";
import { addNoise, sqnr, type Noise } from "./noise.ts";
import { patient, withOutputs } from "../sessions.ts";

export interface TensorNoise {
  readonly tensor: string;
  /** Noise of all quantization up to here, in decibels. */
  readonly sqnr: number;
  /** How the float values lie, and what the codes cover. */
  readonly distribution: Distribution;
}

const suffix = "_DequantizeLinear_Output";

/**
 * Compares each activation of the float model with its dequantized counterpart in the QDQ model made from it, worst first.
 * Tensors whose Relu or Clip was absorbed are compared under the name they have in both.
 */
export async function tensorNoise(float: Model, quantized: Model, runtime: Runtime, samples: Iterable<Feeds> | AsyncIterable<Feeds>, signal?: AbortSignal): Promise<TensorNoise[]> {
  const typed = float.clone();
  inferShapes(typed);
  const pairs = pairsOf(typed, quantized);
  const abortable = signal ? { signal } : {};
  const first = await runtime.load(withOutputs(typed, pairs), { ...patient, ...abortable, optimization: "disabled" });
  const second = await runtime.load(withOutputs(quantized, new Set(pairs.values())), { ...patient, ...abortable, optimization: "disabled" });
  const noises = new Map<string, Noise>([...pairs.keys()].map((name) => [name, { signal: 0, noise: 0 }]));
  const seen = new Map<string, Histogram>();
  try {
    for await (const sample of samples) {
      signal?.throwIfAborted();
      const a = await first.run(feedsOf(first.inputs, sample), { fetches: [...pairs.keys()], ...abortable });
      const b = await second.run(feedsOf(second.inputs, sample), { fetches: [...pairs.values()], ...abortable });
      for (const [name, other] of pairs) {
        const values = a[name]!.toFloat32();
        addNoise(noises.get(name)!, values, b[other]!.toFloat32());
        const reach = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        if (Number.isFinite(reach)) seen.set(name, addToHistogram(seen.get(name), values, reach, BINS));
      }
    }
  } finally {
    await first.dispose();
    await second.dispose();
  }
  const rows = [...noises].map(([tensor, noise]) => {
    const decibels = sqnr(noise);
    return { tensor, sqnr: decibels, distribution: distributionOf(tensor, decibels, seen.get(tensor), codesOf(quantized, pairs.get(tensor)!)) };
  });
  return rows.sort((a, b) => a.sqnr - b.sqnr);
}

/** Bins that a histogram starts with; it is drawn in fewer. */
const BINS = 512;
const DRAWN = 64;

interface Codes {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly dtype: QuantType;
}

/** Parameters of the DequantizeLinear that gives a value; undefined when they are not one pair of integers. */
function codesOf(model: Model, name: string): Codes | undefined {
  const node = model.graph.value(name)?.producer;
  const [scale, zeroPoint] = [node?.input(1)?.constant, node?.input(2)?.constant];
  if (node?.opType !== "DequantizeLinear" || scale?.size !== 1 || !zeroPoint || isFloat8(zeroPoint.dtype as QuantType)) return undefined;
  return { scale: scale.toNumbers()[0]!, zeroPoint: zeroPoint.toNumbers()[0]!, dtype: zeroPoint.dtype as QuantType };
}

function distributionOf(title: string, decibels: number, histogram: Histogram | undefined, codes: Codes | undefined): Distribution {
  const note = Number.isFinite(decibels) ? `${decibels.toFixed(1)} dB` : decibels > 0 ? "exact" : "not finite";
  const { low, high, counts } = drawn(histogram);
  if (!codes) return { title, note, low, high, counts };
  const [least, greatest] = fullRange(codes.dtype);
  const range = { min: (least - codes.zeroPoint) * codes.scale, max: (greatest - codes.zeroPoint) * codes.scale, step: codes.scale };
  const outside = (x: number): boolean => x < range.min - codes.scale / 2 || x > range.max + codes.scale / 2;
  return { title, note, low, high, counts, range, levels: greatest - least + 1, clipped: histogram ? shareOf(histogram, outside) : 0 };
}

/** Share of the counted values whose bin has its middle where `where` holds. */
function shareOf(histogram: Histogram, where: (x: number) => boolean): number {
  const edges = histogramEdges(histogram);
  let [found, total] = [0, 0];
  histogram.counts.forEach((count, i) => {
    total += count;
    if (where((edges[i]! + edges[i + 1]!) / 2)) found += count;
  });
  return total > 0 ? found / total : 0;
}

/** The part of a histogram that holds values, in few bins. */
function drawn(histogram: Histogram | undefined): { low: number; high: number; counts: number[] } {
  const first = histogram ? histogram.counts.findIndex((c) => c > 0) : -1;
  if (!histogram || first < 0) return { low: 0, high: 0, counts: [0] };
  const edges = histogramEdges(histogram);
  const last = histogram.counts.findLastIndex((c) => c > 0);
  const counts = new Array<number>(Math.min(DRAWN, last - first + 1)).fill(0);
  for (let i = first; i <= last; i++) counts[Math.floor(((i - first) / (last - first + 1)) * counts.length)]! += histogram.counts[i]!;
  return { low: edges[first]!, high: edges[last + 1]!, counts };
}

/** Names of activations in the float model, with the name of the dequantized value in the other. */
function pairsOf(float: Model, quantized: Model): Map<string, string> {
  const restored = new Set([...quantized.graph.values()].map((v) => v.name));
  const pairs = new Map<string, string>();
  for (const node of float.graph.nodes) {
    for (const value of node.outputs) {
      if (!value || value.dtype !== "float32") continue;
      if (restored.has(value.name + suffix)) pairs.set(value.name, value.name + suffix);
      else if (value.isGraphOutput && restored.has(value.name)) pairs.set(value.name, value.name);
    }
  }
  return pairs;
}
