/**
 * Seeded random numbers, the same on every platform. Generator: xoshiro128** 1.1 (Blackman, Vigna 2018, "Scrambled linear
 * pseudorandom number generators"), state filled by SplitMix32 from the seed. Not for cryptography.
 */

export interface Random {
  /** A uniform integer in [0, 2^32). */
  uint32(): number;
  /** A uniform double in [0, 1) with 53 random bits. */
  float(): number;
  /** A uniform integer in [0, n), without modulo bias. `n` is an integer in [1, 2^32]. */
  int(n: number): number;
  /** A standard normal number (Marsaglia's polar method). */
  normal(): number;
  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<T>(items: T[]): T[];
  /** An independent generator; the same label gives the same stream, whatever was drawn here before. */
  fork(label: string | number): Random;
}

/** A generator from a seed: any number or text. */
export function random(seed: number | string): Random {
  const root = hash(String(seed));
  let [a, b, c, d] = fill(root);
  let spare: number | undefined;

  const uint32 = (): number => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotl(d, 11);
    return result;
  };
  const float = (): number => ((uint32() >>> 5) * 0x4000000 + (uint32() >>> 6)) / 2 ** 53;
  const int = (n: number): number => {
    const limit = 2 ** 32 - (2 ** 32 % n);
    let drawn = uint32();
    while (drawn >= limit) drawn = uint32();
    return drawn % n;
  };
  const normal = (): number => {
    if (spare !== undefined) {
      const kept = spare;
      spare = undefined;
      return kept;
    }
    let x: number, y: number, s: number;
    do {
      x = float() * 2 - 1;
      y = float() * 2 - 1;
      s = x * x + y * y;
    } while (s >= 1 || s === 0);
    const scale = Math.sqrt((-2 * Math.log(s)) / s);
    spare = y * scale;
    return x * scale;
  };
  const shuffle = <T>(items: T[]): T[] => {
    for (let i = items.length - 1; i > 0; i--) {
      const j = int(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  };
  return { uint32, float, int, normal, shuffle, fork: (label) => random(`${seed}/${label}`) };
}

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** FNV-1a over UTF-16 units, with a final mix; spreads nearby seeds. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

function fill(seed: number): [number, number, number, number] {
  let s = seed;
  const next = (): number => mix((s = (s + 0x9e3779b9) | 0));
  // An all-zero state would stay zero; four zeros in a row cannot come from SplitMix32, but one bit costs nothing.
  return [next() | 1, next(), next(), next()];
}
