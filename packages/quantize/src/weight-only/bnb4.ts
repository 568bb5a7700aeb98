/**
 * 4-bit floats with a codebook, as bitsandbytes has them (Dettmers et al. 2023): blocks over the transposed weight in a row, scaled to
 * absmax 1, each value to the nearest of sixteen. NF4 has the quantiles of a normal distribution, FP4 sign, exponent and mantissa bits.
 */
import { quantizeErrors } from "../errors.ts";
import { visitBlocks, type MatrixView } from "./blocks.ts";

export const bnb4Types = ["fp4", "nf4"] as const;
export type Bnb4Type = (typeof bnb4Types)[number];

export interface QuantizedBnb4 {
  /** ceil(k * n / 2) bytes; the first of two codes is in the high bits. */
  readonly packed: Uint8Array;
  /** One for each block. */
  readonly absmax: Float32Array;
}

/** Values by code, as ONNX Runtime's kernel reads them. */
export const bnb4Codebook: Readonly<Record<Bnb4Type, readonly number[]>> = {
  fp4: [0, 5.208333333e-3, 2 / 3, 1, 1 / 3, 0.5, 1 / 6, 0.25, -0, -5.208333333e-3, -2 / 3, -1, -1 / 3, -0.5, -1 / 6, -0.25],
  nf4: [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
  ],
};

/** Borders between the values in ascending order, and the code above each; from bitsandbytes. A value on a border takes the lower code. */
const nf4Borders = [
  -0.8480964004993439, -0.6106329262256622, -0.4599952697753906, -0.33967943489551544, -0.23460740596055984, -0.13791173323988914, -0.045525018125772476,
  0.03979014977812767, 0.1202552504837513, 0.2035212516784668, 0.2920137718319893, 0.3893125355243683, 0.5016634166240692, 0.6427869200706482, 0.8614784181118011,
].map(Math.fround);
const fp4Borders = [0.00260417, 0.0859375, 0.20833333, 0.29166667, 0.4166667, 0.583333, 0.8333333].map(Math.fround);
const fp4Codes = [0, 1, 6, 7, 4, 5, 2, 3];

/** Cells of [-1, 1]; the closest borders are several apart. */
const CELLS = 2048;
/** Covers the rounding of a value's place. */
const MARGIN = 1e-6;

/** For each cell the code below its border, the border (beyond all values where it has none) and the code above it. */
interface Cells {
  readonly below: Uint8Array;
  readonly border: Float32Array;
  readonly above: Uint8Array;
}

/** `order`: codes of the intervals between the ascending `borders`. */
function cellsOf(borders: readonly number[], order: readonly number[]): Cells {
  const cells = { below: new Uint8Array(CELLS + 1), border: new Float32Array(CELLS + 1).fill(2), above: new Uint8Array(CELLS + 1) };
  for (let cell = 0; cell <= CELLS; cell++) {
    const start = (2 * cell) / CELLS - 1 - MARGIN;
    const before = borders.filter((b) => b < start).length;
    cells.below[cell] = order[before]!;
    cells.above[cell] = order[Math.min(before + 1, order.length - 1)]!;
    if (borders[before]! <= start + 2 / CELLS + 2 * MARGIN) cells.border[cell] = borders[before]!;
  }
  return cells;
}

/** Code of a value in [-1, 1]; one on a border takes the lower code. FP4 has the sign apart, in the highest bit. */
function encoder(type: Bnb4Type): (v: number) => number {
  const { below, border, above } = type === "nf4" ? cellsOf(nf4Borders, nf4Borders.map((_, i) => i).concat(15)) : cellsOf(fp4Borders, fp4Codes);
  const code = (v: number): number => {
    const cell = ((v + 1) * (CELLS / 2)) | 0;
    return v > border[cell]! ? above[cell]! : below[cell]!;
  };
  return type === "nf4" ? code : (v) => (v < 0 ? 8 | code(-v) : code(v));
}

/** @throws QUANT_WEIGHT_NOT_FINITE */
export function quantizeBnb4(view: MatrixView, type: Bnb4Type, blockSize: number): QuantizedBnb4 {
  const { k, n, name } = view;
  const flat = columnsInARow(view);
  const absmax = new Float32Array(Math.ceil((k * n) / blockSize));
  const packed = new Uint8Array(Math.ceil((k * n) / 2));
  const encode = encoder(type);
  for (let block = 0, from = 0; from < flat.length; block++, from += blockSize) {
    const end = Math.min(flat.length, from + blockSize);
    let reach = 0;
    // Math.max hands on NaN.
    for (let i = from; i < end; i++) reach = Math.max(reach, Math.abs(flat[i]!));
    if (!(reach < Infinity)) throw quantizeErrors.QUANT_WEIGHT_NOT_FINITE({ tensor: name });
    absmax[block] = reach;
    const inverse = reach > 0 ? Math.fround(1 / reach) : 0;
    // Blocks are even; where the last value of all lacks a second, half a byte stands for zero.
    let i = from;
    for (; i + 1 < end; i += 2) packed[i >> 1] = (encode(Math.fround(flat[i]! * inverse)) << 4) | encode(Math.fround(flat[i + 1]! * inverse));
    if (i < end) packed[i >> 1] = (encode(Math.fround(flat[i]! * inverse)) << 4) | encode(0);
  }
  return { packed, absmax };
}

/** The transposed weight, [n, k], in float32. */
function columnsInARow(view: MatrixView): Float32Array {
  const { k, n } = view;
  const out = new Float32Array(k * n);
  visitBlocks(view, k, (x, from, column) => out.set(x.subarray(from, from + k), column * k));
  return out;
}

/** As [k, n] float32. */
export function dequantizeBnb4({ packed, absmax }: QuantizedBnb4, type: Bnb4Type, k: number, n: number, blockSize: number): Float32Array {
  const out = new Float32Array(k * n);
  for (let i = 0; i < k * n; i++) {
    const code = (packed[i >> 1]! >>> (i & 1 ? 0 : 4)) & 15;
    out[(i % k) * n + Math.floor(i / k)] = Math.fround(bnb4Codebook[type][code]! * absmax[Math.floor(i / blockSize)]!);
  }
  return out;
}
