/** Where values that are not zero stand: a bit mask (first value in the lowest bit), or gaps as base-128 varints. */

export function maskOf(words: ArrayLike<number>): Uint8Array {
  const mask = new Uint8Array(Math.ceil(words.length / 8));
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) mask[i >> 3]! |= 1 << (i & 7);
  return mask;
}

/** Visits the positions of set bits; false when there are not `count`, or when bits behind the last value are set. */
export function eachOfMask(mask: Uint8Array, size: number, count: number, visit: (position: number, i: number) => void): boolean {
  if (mask.length !== Math.ceil(size / 8)) return false;
  let at = 0;
  for (let i = 0; i < mask.length * 8; i++) {
    if ((mask[i >> 3]! & (1 << (i & 7))) === 0) continue;
    if (i >= size || at >= count) return false;
    visit(i, at++);
  }
  return at === count;
}

/** For each value, the number of zeros since the one before. */
export function gapsOf(words: ArrayLike<number>, count: number): Uint8Array {
  const out = new Uint8Array(count * 5);
  let [at, last] = [0, -1];
  for (let i = 0; i < words.length; i++) {
    if (words[i] === 0) continue;
    let gap = i - last - 1;
    for (; gap > 127; gap = Math.floor(gap / 128)) out[at++] = (gap % 128) | 128;
    out[at++] = gap;
    last = i;
  }
  return out.slice(0, at);
}

/** The inverse; false when the bytes run out, run on, or lead beyond `size`. */
export function eachOfGaps(gaps: Uint8Array, size: number, count: number, visit: (position: number, i: number) => void): boolean {
  let [at, next] = [0, 0];
  for (let i = 0; i < count; i++) {
    let [gap, scale, byte] = [0, 1, 128];
    while (byte > 127) {
      if (at >= gaps.length || scale > 2 ** 35) return false;
      byte = gaps[at++]!;
      gap += (byte & 127) * scale;
      scale *= 128;
    }
    next += gap;
    if (next >= size) return false;
    visit(next++, i);
  }
  return at === gaps.length;
}
