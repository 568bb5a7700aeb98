/**
 * Histogram of a tensor over a stream of batches, in memory that depends on the number of bins alone. It is symmetric about 0 and
 * grows: when a batch goes beyond it, whole bins of the old width are added on both sides. Counts equal those of ONNX Runtime's
 * collector (numpy's rules for edges, in float32), which keeps all batches of all tensors in memory instead, as long as no batch goes
 * hundreds of times beyond those before it: beyond {@link MOST_BINS} old counts move into bins of a new width.
 */
import { countValues } from "../kernel/tensors.ts";
import { NEAR } from "../kernel/weights.ts";

const f32 = Math.fround;

/** 8 MB for a tensor. After a batch of silence, say, whole bins of the old width would take gigabytes. */
const MOST_BINS = 2 ** 20;

export interface Histogram {
  /** Bins now; starts at the wanted number and grows, up to a limit. */
  readonly bins: number;
  /** The range is [-threshold, threshold]. */
  readonly threshold: number;
  readonly counts: Float64Array;
}

/** Adds a batch. The largest magnitude of the batch must be finite and known to the caller. */
export function addToHistogram(old: Histogram | undefined, data: Float32Array, absMax: number, startBins: number): Histogram {
  const reach = f32(absMax);
  if (!old) return count(new Float64Array(startBins), data, reach);
  if (reach <= old.threshold) return count(old.counts, data, old.threshold);
  if (old.threshold === 0) return count(old.counts, data, reach);
  const stride = f32(f32(2 * old.threshold) / old.bins);
  const added = Math.trunc(f32(floorDivide(f32(reach - old.threshold), stride) + 1));
  if (!(old.bins + 2 * added <= Math.max(MOST_BINS, startBins))) return count(coarser(old, reach, startBins), data, reach);
  const counts = new Float64Array(old.bins + 2 * added);
  counts.set(old.counts, added);
  return count(counts, data, f32(f32(added * stride) + old.threshold));
}

/** The counts in `bins` bins of a wider range, each by the middle of its old bin. */
function coarser(old: Histogram, threshold: number, bins: number): Float64Array {
  const counts = new Float64Array(bins);
  const edges = histogramEdges(old);
  for (let i = 0; i < old.bins; i++) {
    if (old.counts[i] === 0) continue;
    const place = (((edges[i]! + edges[i + 1]!) / 2 / threshold + 1) / 2) * bins;
    counts[Math.max(0, Math.min(bins - 1, Math.floor(place)))]! += old.counts[i]!;
  }
  return counts;
}

/** `data` lies within the threshold. */
function count(counts: Float64Array, data: Float32Array, threshold: number): Histogram {
  const n = counts.length;
  const edges = histogramEdges({ bins: n, threshold });
  if (!countValues(data, counts, edges, countPlainly)) countPlainly(data, counts, edges);
  return { bins: n, threshold, counts };
}

/** What the kernel does, where there is none. */
export function countPlainly(data: Float32Array, counts: Float64Array, edges: Float32Array): void {
  const n = counts.length;
  const first = edges[0]!;
  const last = edges[n]!;
  const perUnit = n / (last - first);
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!;
    const place = (x - first) * perUnit;
    let at = Math.min(Math.trunc(place), n - 1);
    const within = place - at;
    // Near the border of a bin the quotient may be off by one; the float32 edges decide.
    if (within < NEAR) {
      if (x < edges[at]!) at--;
    } else if (within > 1 - NEAR && at < n - 1 && x >= edges[at + 1]!) at++;
    counts[at]!++;
  }
}

/** The bins + 1 edges, in float32. A histogram of zeros only spans [-0.5, 0.5]. */
export function histogramEdges({ bins, threshold }: Pick<Histogram, "bins" | "threshold">): Float32Array {
  const reach = threshold === 0 ? 0.5 : f32(threshold);
  const edges = new Float32Array(bins + 1);
  const step = f32(f32(reach + reach) / bins);
  for (let i = 0; i < bins; i++) edges[i] = f32(f32(i * step) - reach);
  edges[bins] = reach;
  return edges;
}

/** numpy's `//` on float32. */
function floorDivide(a: number, b: number): number {
  const quotient = f32(f32(a - f32(a % b)) / b);
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}
