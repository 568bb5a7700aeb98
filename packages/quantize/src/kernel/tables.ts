/** Logarithms and powers from tables, several times faster than Math.log and `**`: searches take millions. For normal x > 0. */

const BITS = 11;
const SIZE = 2 ** BITS;
const EXPONENTS = 2047;

const scratch = new Float64Array(1);
/** The bits of a number; its exponent and the first of its fraction stand in the second word. */
const words = new Int32Array(scratch.buffer);

/** x = 2^e middle (1 + r), with the middle of one of SIZE intervals of [1, 2), so that |r| < 2^-12. */
interface Reduction {
  readonly middle: Float64Array;
  readonly inverse: Float64Array;
  /** 2^-e by biased exponent. */
  readonly unscale: Float64Array;
}

let reduction: Reduction | undefined;

function reduce(): Reduction {
  const middle = Float64Array.from({ length: SIZE }, (_, i) => 1 + (i + 0.5) / SIZE);
  return { middle, inverse: middle.map((x) => 1 / x), unscale: byExponent((e) => 2 ** -e) };
}

const byExponent = (of: (e: number) => number): Float64Array => Float64Array.from({ length: EXPONENTS }, (_, biased) => of(biased - 1023));

/** Gives log(x), right to about 1e-15. */
export function tableLog(): (x: number) => number {
  const { inverse, unscale } = (reduction ??= reduce());
  const log = inverse.map((x) => -Math.log(x));
  const exponent = byExponent((e) => e * Math.LN2);
  return (x) => {
    scratch[0] = x;
    const high = words[1]!;
    const at = (high >>> (20 - BITS)) & (SIZE - 1);
    const r = x * unscale[high >>> 20]! * inverse[at]! - 1;
    // The fifth term is below 1e-18.
    return exponent[high >>> 20]! + (log[at]! + r * (1 - r * (0.5 - r * (1 / 3 - r * 0.25))));
  };
}

/** Gives x^p for a fixed p, right to about 1e-13. */
export function tablePower(p: number): (x: number) => number {
  const { middle, inverse, unscale } = (reduction ??= reduce());
  const power = middle.map((x) => x ** p);
  const scale = byExponent((e) => 2 ** (e * p));
  // Binomial series of (1 + r)^p.
  const [c2, c3] = [(p * (p - 1)) / 2, (p * (p - 1) * (p - 2)) / 6];
  return (x) => {
    scratch[0] = x;
    const high = words[1]!;
    const at = (high >>> (20 - BITS)) & (SIZE - 1);
    const r = x * unscale[high >>> 20]! * inverse[at]! - 1;
    return scale[high >>> 20]! * power[at]! * (1 + r * (p + r * (c2 + r * c3)));
  };
}
