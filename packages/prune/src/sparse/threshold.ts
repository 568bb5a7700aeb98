/** The k-th smallest magnitude over many arrays without a copy: two sweeps that count the upper and then the lower halves of the bits. */

export interface Threshold {
  /** Bits of the magnitude: for numbers that are not negative, order of the bits is order of the values. */
  readonly bits: number;
  /** How many of those that are equal to it still go, in order. */
  readonly equal: number;
}

const magnitudeBits = (data: Float32Array): Uint32Array => new Uint32Array(data.buffer, data.byteOffset, data.length);

/** The bound below which `count` magnitudes lie; undefined for count 0. */
export function magnitudeThreshold(arrays: readonly Float32Array[], count: number): Threshold | undefined {
  if (count <= 0) return undefined;
  const upper = new Float64Array(2 ** 15);
  for (const bits of arrays.map(magnitudeBits)) for (let i = 0; i < bits.length; i++) upper[(bits[i]! & 0x7fffffff) >>> 16]!++;
  const [high, left] = binOf(upper, count);
  const lower = new Float64Array(2 ** 16);
  for (const bits of arrays.map(magnitudeBits)) for (let i = 0; i < bits.length; i++) if ((bits[i]! & 0x7fffffff) >>> 16 === high) lower[bits[i]! & 0xffff]!++;
  const [low, equal] = binOf(lower, left);
  return { bits: high * 65536 + low, equal };
}

/** The bin that holds the count-th, and how many of it are among the first `count`. */
function binOf(histogram: Float64Array, count: number): [number, number] {
  let left = count;
  let bin = 0;
  while (bin < histogram.length - 1 && histogram[bin]! < left) left -= histogram[bin++]!;
  return [bin, left];
}

/** A copy with zeros below the threshold; `budget.equal` is used up from one array to the next. */
export function zeroedBelow(data: Float32Array, { bits }: Threshold, budget: { equal: number }): Float32Array {
  const out = data.slice();
  const magnitudes = magnitudeBits(data);
  for (let i = 0; i < out.length; i++) {
    const magnitude = magnitudes[i]! & 0x7fffffff;
    if (magnitude < bits || (magnitude === bits && budget.equal-- > 0)) out[i] = 0;
  }
  return out;
}
