/** How far two tensors, or two series of them, are apart. */
import { dtypes, typeToString, tensorType, type Tensor } from "@lathe/core";
import { ortErrors } from "../errors.ts";

/** `a` is the reference. Sums run over all elements of all samples, in double precision. */
export interface TensorDifference {
  readonly elements: number;
  /** Elements that differ at all; for strings and integers the figure to look at. NaN equals NaN here. */
  readonly differing: number;
  /** Elements where one side is NaN or infinite and the other is not the same; they are left out of the figures below but `sqnr`. */
  readonly notFinite: number;
  /** max |a - b| */
  readonly maxAbs: number;
  /** mean |a - b| */
  readonly meanAbs: number;
  /** max |a - b| / max(|a|, 1e-6) */
  readonly maxRel: number;
  /** sum(a b) / sqrt(sum(a^2) sum(b^2)); 1 when both are all zero. */
  readonly cosine: number;
  /**
   * Signal to quantization noise ratio in decibels, 10 log10(sum(a^2) / sum((a - b)^2)); Infinity when equal, -Infinity when `notFinite`
   * is not 0 or texts differ.
   */
  readonly sqnr: number;
}

const REL_FLOOR = 1e-6;

/** Gathers differences over samples. */
export class DifferenceMeter {
  readonly #name: string;
  #elements = 0;
  #differing = 0;
  #notFinite = 0;
  #maxAbs = 0;
  #maxRel = 0;
  #sumAbs = 0;
  #aa = 0;
  #bb = 0;
  #ab = 0;
  #noise = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** @throws ORT_OUTPUTS_DIFFER when the shapes differ or one side holds strings. */
  add(a: Tensor, b: Tensor): void {
    const kinds = [a, b].map(({ dtype }) => (dtypes[dtype].kind === "string" ? "string" : "number"));
    if (a.dims.join() !== b.dims.join() || kinds[0] !== kinds[1]) {
      const [first, second] = [a, b].map((t) => typeToString(tensorType(t.dtype, t.dims)));
      throw ortErrors.ORT_OUTPUTS_DIFFER({ name: this.#name, a: first!, b: second! });
    }
    this.#elements += a.size;
    if (kinds[0] === "string") this.#addStrings(a.strings(), b.strings());
    else this.#addNumbers(numbersOf(a), numbersOf(b));
  }

  result(): TensorDifference {
    const counted = this.#elements - this.#notFinite;
    const norms = Math.sqrt(this.#aa) * Math.sqrt(this.#bb);
    return {
      elements: this.#elements,
      differing: this.#differing,
      notFinite: this.#notFinite,
      maxAbs: this.#maxAbs,
      meanAbs: counted === 0 ? 0 : this.#sumAbs / counted,
      maxRel: this.#maxRel,
      cosine: norms > 0 ? Math.min(1, this.#ab / norms) : this.#aa === this.#bb ? 1 : 0,
      sqnr: this.#sqnr(),
    };
  }

  /** What no distance describes (NaN for a number, another text) must not pass for equal. */
  #sqnr(): number {
    if (this.#notFinite > 0) return -Infinity;
    if (this.#noise === 0) return this.#differing === 0 || this.#maxAbs > 0 ? Infinity : -Infinity;
    return 10 * Math.log10(this.#aa / this.#noise);
  }

  #addStrings(a: readonly string[], b: readonly string[]): void {
    a.forEach((value, i) => (this.#differing += value === b[i] ? 0 : 1));
  }

  #addNumbers(a: ArrayLike<number>, b: ArrayLike<number>): void {
    for (let i = 0; i < a.length; i++) {
      const x = a[i]!;
      const y = b[i]!;
      if (!Number.isFinite(x) || !Number.isFinite(y)) {
        if (Object.is(x, y)) continue;
        this.#differing++;
        this.#notFinite++;
        continue;
      }
      const d = Math.abs(x - y);
      this.#aa += x * x;
      this.#bb += y * y;
      this.#ab += x * y;
      if (d === 0) continue;
      this.#differing++;
      this.#noise += d * d;
      this.#sumAbs += d;
      if (d > this.#maxAbs) this.#maxAbs = d;
      const rel = d / Math.max(Math.abs(x), REL_FLOOR);
      if (rel > this.#maxRel) this.#maxRel = rel;
    }
  }
}

/** Complex tensors are compared part by part. */
const numbersOf = (tensor: Tensor): ArrayLike<number> =>
  dtypes[tensor.dtype].kind === "complex" ? (tensor.data() as Float32Array | Float64Array) : tensor.dtype === "float32" ? tensor.toFloat32() : tensor.toFloat64();

/** The difference of two tensors; `a` is the reference. */
export function difference(a: Tensor, b: Tensor, name = "tensor"): TensorDifference {
  const meter = new DifferenceMeter(name);
  meter.add(a, b);
  return meter.result();
}
