/**
 * Exact arithmetic per element type. 64-bit integers are bigints; the others are numbers. Integers wrap (two's complement),
 * float32 results are rounded once (a double holds the exact or correctly rounded result of + - * / and sqrt, and rounding it
 * again to float32 is harmless: Figueroa 1995). Nothing here is approximate: what cannot be exact gives `undefined`.
 */
import { dtypes, type DType } from "../../dtype.ts";
import { Tensor } from "../../tensor.ts";

export type Scalar = number | bigint;

/** Two-operand operations; `undefined` when the result is not the same on every machine (division by zero, NaN ...). */
export type BinaryName = "add" | "sub" | "mul" | "div" | "mod" | "fmod" | "pow" | "min" | "max";
export type UnaryName = "neg" | "abs" | "sign" | "floor" | "ceil" | "round" | "sqrt" | "reciprocal" | "relu";

export interface Arithmetic {
  readonly binary: (op: BinaryName, a: Scalar, b: Scalar) => Scalar | undefined;
  readonly unary: (op: UnaryName, a: Scalar) => Scalar | undefined;
}

/** True when {@link valuesOf} can read the tensor. */
export const isReal = (t: Tensor | undefined): t is Tensor => t !== undefined && dtypes[t.dtype].kind !== "string" && dtypes[t.dtype].kind !== "complex";

/** Values of a tensor, exact: bigints for 64-bit integers, numbers otherwise. Not for strings and complex numbers. */
export function valuesOf(tensor: Tensor): ArrayLike<Scalar> {
  const data = tensor.dtype === "int64" || tensor.dtype === "uint64" ? tensor.data() : tensor.toFloat64();
  return data;
}

/** Inverse of {@link valuesOf}; values must be representable. */
export function tensorOf(dtype: DType, dims: readonly number[], values: readonly Scalar[]): Tensor {
  return Tensor.from(dtype, dims, typeof values[0] === "bigint" ? (values as readonly bigint[]) : (values as readonly number[]));
}

/** The arithmetic of an element type, or undefined where the evaluator has none (small floats, strings, complex). */
export function arithmeticOf(dtype: DType): Arithmetic | undefined {
  const { bits, kind } = dtypes[dtype];
  if (kind === "float") return dtype === "float32" ? float(Math.fround) : dtype === "float64" ? float((x) => x) : undefined;
  if (kind !== "int" && kind !== "uint") return undefined;
  if (bits === 64) return wide(kind === "int" ? (x) => BigInt.asIntN(64, x) : (x) => BigInt.asUintN(64, x));
  return bits >= 8 ? narrow(wrapTo(bits, kind === "int")) : undefined;
}

const wrapTo = (bits: number, signed: boolean) => (x: number): number => {
  const shift = 32 - bits;
  return signed ? (x << shift) >> shift : (x << shift) >>> shift;
};

function float(round: (x: number) => number): Arithmetic {
  const known = (x: number): number | undefined => (Number.isNaN(x) ? undefined : round(x));
  return {
    binary: (op, a, b) => {
      const [x, y] = [Number(a), Number(b)];
      switch (op) {
        case "add": return known(x + y);
        case "sub": return known(x - y);
        case "mul": return known(x * y);
        case "div": return known(x / y);
        case "fmod": return known(x % y);
        // Squares are the one power that every library computes exactly.
        case "pow": return y === 2 ? known(x * x) : y === 1 ? known(x) : undefined;
        case "min": return known(Math.min(x, y));
        case "max": return known(Math.max(x, y));
        default: return undefined;
      }
    },
    unary: (op, a) => {
      const x = Number(a);
      switch (op) {
        case "neg": return known(-x);
        case "abs": return known(Math.abs(x));
        case "sign": return known(Math.sign(x));
        case "floor": return known(Math.floor(x));
        case "ceil": return known(Math.ceil(x));
        case "round": return known(halfEven(x));
        case "sqrt": return known(Math.sqrt(x));
        case "reciprocal": return known(1 / x);
        case "relu": return known(Math.max(x, 0));
      }
    },
  };
}

/** Half to even, and infinities stay. */
const halfEven = (x: number): number => {
  if (!Number.isFinite(x)) return x;
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
};

function narrow(wrap: (x: number) => number): Arithmetic {
  return {
    binary: (op, a, b) => {
      const [x, y] = [Number(a), Number(b)];
      switch (op) {
        case "add": return wrap(x + y);
        case "sub": return wrap(x - y);
        case "mul": return wrap(Math.imul(x, y));
        case "div": return y === 0 ? undefined : wrap(Math.trunc(x / y));
        case "mod": return y === 0 ? undefined : wrap(x - y * Math.floor(x / y));
        case "fmod": return y === 0 ? undefined : wrap(x % y);
        case "pow": return integerPower(BigInt(x), BigInt(y), (v) => (v === BigInt(wrap(Number(v))) ? Number(v) : undefined));
        case "min": return Math.min(x, y);
        case "max": return Math.max(x, y);
      }
    },
    unary: (op, a) => {
      const x = Number(a);
      switch (op) {
        case "neg": return wrap(-x);
        case "abs": return wrap(Math.abs(x));
        case "sign": return Math.sign(x);
        case "relu": return Math.max(x, 0);
        case "floor": case "ceil": case "round": return x;
        case "sqrt": case "reciprocal": return undefined;
      }
    },
  };
}

function wide(wrap: (x: bigint) => bigint): Arithmetic {
  return {
    binary: (op, a, b) => {
      const [x, y] = [BigInt(a), BigInt(b)];
      switch (op) {
        case "add": return wrap(x + y);
        case "sub": return wrap(x - y);
        case "mul": return wrap(x * y);
        case "div": return y === 0n ? undefined : wrap(x / y);
        case "mod": return y === 0n ? undefined : wrap(((x % y) + y) % y);
        case "fmod": return y === 0n ? undefined : wrap(x % y);
        // Runtimes go through double: only results that a double holds are certain.
        case "pow": return integerPower(x, y, (v) => (v <= 2n ** 53n && v >= -(2n ** 53n) ? v : undefined));
        case "min": return x < y ? x : y;
        case "max": return x > y ? x : y;
      }
    },
    unary: (op, a) => {
      const x = BigInt(a);
      switch (op) {
        case "neg": return wrap(-x);
        case "abs": return wrap(x < 0n ? -x : x);
        case "sign": return x < 0n ? -1n : x > 0n ? 1n : 0n;
        case "relu": return x < 0n ? 0n : x;
        case "floor": case "ceil": case "round": return x;
        case "sqrt": case "reciprocal": return undefined;
      }
    },
  };
}

/** x^y for 0 <= y <= 64, when the caller can hold it. */
function integerPower<T>(x: bigint, y: bigint, hold: (v: bigint) => T | undefined): T | undefined {
  return y < 0n || y > 64n ? undefined : hold(x ** y);
}
