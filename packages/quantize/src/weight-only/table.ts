/** Embedding tables for com.microsoft.GatherBlockQuantized, and the fits that ONNX Runtime's tool uses there (float32, ties to even). */
import { packCodes, type DType } from "@lathe/core";
import type { MatrixView } from "./blocks.ts";
import { ROUND, type Bits, type BlockFit } from "./fitted.ts";
import { codeAt, quantizeMatrix, type QuantizedMatrix } from "./matrix.ts";

const f32 = Math.fround;

export function tableFit(bits: Bits, symmetric: boolean): BlockFit {
  const top = 2 ** bits - 1;
  const middle = 2 ** (bits - 1);
  return (x, from, out) => {
    const { codes } = out;
    let min = Infinity;
    let max = -Infinity;
    // Math.min and Math.max hand on NaN.
    for (let i = from, end = from + codes.length; i < end; i++) {
      min = Math.min(min, x[i]!);
      max = Math.max(max, x[i]!);
    }
    out.check = min - min + (max - max);
    const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
    const scale = symmetric ? f32((Math.abs(max) > Math.abs(min) ? max : min) / -middle) : f32(f32(high - low) / top);
    const zero = symmetric || scale === 0 ? middle : Math.max(0, Math.min(top, f32(-low / scale) + ROUND - ROUND));
    if (scale === 0) codes.fill(zero);
    else if (symmetric) for (let i = 0; i < codes.length; i++) codes[i] = Math.max(0, Math.min(top, (f32(x[from + i]! / scale) + ROUND - ROUND + zero) | 0));
    else for (let i = 0; i < codes.length; i++) codes[i] = Math.max(0, Math.min(top, (f32(f32(x[from + i]! / scale) + zero) + ROUND - ROUND) | 0));
    out.scale = scale;
    out.zero = zero;
  };
}

export interface TableOptions {
  readonly bits: Bits;
  readonly blockSize: number;
  readonly symmetric: boolean;
}

export const quantizeTable = (view: MatrixView, { bits, blockSize, symmetric }: TableOptions): QuantizedMatrix =>
  quantizeMatrix(view, { bits, blockSize, symmetric, algorithm: "default" }, tableFit(bits, symmetric), { algorithm: "table", bits, symmetric });

/**
 * Codes in the order of the original tensor, packed without gaps, of a signed or an unsigned type: what blocked DequantizeLinear and
 * GatherBlockQuantized take.
 */
export function storedBytes(matrix: QuantizedMatrix, transposed: boolean, signed: boolean): Uint8Array {
  const { bits } = matrix;
  if (transposed && matrix.k % matrix.blockSize === 0) return signed ? flipTop(matrix.packed, bits) : matrix.packed;
  const codes = storedCodes(matrix, transposed);
  const packed = bits === 8 ? codes : packCodes(codes, bits);
  return signed ? flipTop(packed, bits) : packed;
}

/** One code a byte, in the order of the original tensor. */
function storedCodes({ k, n, bits, blockSize, packed }: QuantizedMatrix, transposed: boolean): Uint8Array {
  const width = Math.ceil(k / blockSize) * blockSize;
  const out = new Uint8Array(k * n);
  for (let column = 0; column < n; column++) {
    for (let row = 0; row < k; row++) out[transposed ? column * k + row : row * n + column] = codeAt(packed, bits, column * width + row);
  }
  return out;
}

/** Unsigned codes around the middle as two's complement, and back: the top bit flips. */
function flipTop(bytes: Uint8Array, bits: Bits): Uint8Array {
  const mask = bits === 8 ? 0x80 : bits === 4 ? 0x88 : 0xaa;
  return bytes.map((byte) => byte ^ mask);
}

/** Values of [n, blocks] in the order of the original tensor: as they are, or as [blocks, n]. */
export function storedParams<A extends Float32Array | Uint8Array>(values: A, n: number, transposed: boolean): A {
  if (transposed) return values;
  const blocks = values.length / n;
  const out = values.slice() as A;
  for (let column = 0; column < n; column++) for (let block = 0; block < blocks; block++) out[block * n + column] = values[column * blocks + block]!;
  return out;
}

/** Element type that holds codes of `bits` bits. */
export const codeType = (bits: Bits, signed: boolean): DType => `${signed ? "" : "u"}int${bits}`;

/** Zero points in the order of the original tensor, as bytes of the code type. */
export function storedZeros(matrix: QuantizedMatrix, transposed: boolean, signed: boolean): Uint8Array | undefined {
  if (!(matrix.zeros instanceof Uint8Array)) return undefined;
  const codes = storedParams(matrix.zeros, matrix.n, transposed);
  const packed = matrix.bits === 8 ? codes : packCodes(codes, matrix.bits);
  return signed ? flipTop(packed, matrix.bits) : packed;
}
