/** A whole weight matrix in blocks: packed codes, scales and zero points, in the layout of com.microsoft.MatMulNBits. */
import { quantizeErrors } from "../errors.ts";
import { COLUMNS, type NbitsFormat } from "../kernel/nbits.ts";
import { blocksOf, visitBlocks, type BlockVisitor, type MatrixView } from "./blocks.ts";
import { blockFit, packingFit, type FitOptions } from "./fit.ts";
import { newFitted, type Bits, type BlockFit } from "./fitted.ts";
import type { PackCodes } from "./pack.ts";
import { quantizeTiles, type Tile } from "./tiles.ts";

export interface MatrixOptions extends FitOptions {
  /** Weights along k that share a scale; a power of two, at least 16. */
  readonly blockSize: number;
}

export interface QuantizedMatrix {
  readonly k: number;
  readonly n: number;
  readonly bits: Bits;
  readonly blockSize: number;
  /** [n, blocks, blockSize * bits / 8]; within a byte the first code is lowest. */
  readonly packed: Uint8Array;
  /** [n, blocks] */
  readonly scales: Float32Array;
  /** [n, blocks], one each; undefined: all 2^(bits - 1). */
  readonly zeros: Uint8Array | Float32Array | undefined;
}

export const packedLength = ({ k, n }: { readonly k: number; readonly n: number }, { bits, blockSize }: { readonly bits: Bits; readonly blockSize: number }): number =>
  (n * blocksOf(k, blockSize) * blockSize * bits) / 8;

/**
 * @param fit in place of that of `options.algorithm`
 * @param format what the kernel calls the fit, if it knows it
 * @throws QUANT_WEIGHT_NOT_FINITE
 */
export function quantizeMatrix(view: MatrixView, options: MatrixOptions, fit?: BlockFit, format = fit ? undefined : kernelFormat(options)): QuantizedMatrix {
  const { k, n, name } = view;
  const { bits, blockSize, symmetric, realZeros } = options;
  const blocks = blocksOf(k, blockSize);
  const packed = new Uint8Array(packedLength(view, options));
  const scales = new Float32Array(n * blocks);
  const zeros = symmetric ? undefined : realZeros ? new Float32Array(n * blocks) : new Uint8Array(n * blocks);
  const fitted = newFitted(blockSize);
  const blob = (blockSize * bits) / 8;
  const write = writer(options, fit);
  const ragged = options.algorithm === "default" && !fit && k % blockSize !== 0;
  const finish = (at: number, block: number): void => {
    if (ragged && block === blocks - 1) finishAsOrt(packed, at * blob, blob, k % blockSize, block, bits);
  };
  let check = 0;
  const visit: BlockVisitor = (x, from, column, block) => {
    const at = column * blocks + block;
    write(x, from, fitted, packed, at * blob);
    scales[at] = fitted.scale;
    if (zeros) zeros[at] = fitted.zero;
    check += fitted.check;
    finish(at, block);
  };
  const words = new Uint32Array(packed.buffer, 0, packed.length >> 2);
  const take = (tile: Tile): void => {
    const length = (tile.blocks * blob) / 4;
    for (let c = 0, word = 0; c < tile.count; c++) {
      const at = (tile.first + c) * blocks + tile.block;
      for (let to = (at * blob) / 4, end = to + length; to < end; ) words[to++] = tile.words[word++]!;
      for (let b = 0; b < tile.blocks; b++) {
        scales[at + b] = tile.scales[b * COLUMNS + c]!;
        if (zeros) zeros[at + b] = tile.zeros[b * COLUMNS + c]!;
      }
      finish(at + tile.blocks - 1, tile.block + tile.blocks - 1);
    }
  };
  if (!format || !quantizeTiles(view, blockSize, format, take, visit)) visitBlocks(view, blockSize, visit);
  if (check !== 0) throw quantizeErrors.QUANT_WEIGHT_NOT_FINITE({ tensor: name });
  return { k, n, bits, blockSize, packed, scales, zeros };
}

/** What the kernel knows: the fits that need no search, with unsigned codes. */
const kernelFormat = ({ algorithm, bits, symmetric, signed }: MatrixOptions): NbitsFormat | undefined =>
  (algorithm === "default" || algorithm === "rtn") && !signed ? { algorithm, bits, symmetric } : undefined;

/**
 * What ONNX Runtime's own quantizer leaves past the end of a column, which nothing reads: zero bytes, and in a byte that is partly used the
 * codes that stood in the same places of the byte before, as long as that belongs to the same byte of zero points.
 */
function finishAsOrt(packed: Uint8Array, start: number, blob: number, rows: number, block: number, bits: Bits): void {
  const used = Math.ceil((rows * bits) / 8);
  packed.fill(0, start + used, start + blob);
  const perByte = 8 / bits;
  const kept = 2 ** ((rows % perByte) * bits) - 1;
  if (kept === 0) return;
  const last = start + used - 1;
  const before = used > 1 || block % perByte > 0 ? packed[last - 1]! : 0;
  packed[last] = (packed[last]! & kept) | (before & ~kept);
}

/** Fits a block and writes its codes. */
function writer(options: MatrixOptions, given: BlockFit | undefined): PackCodes {
  const packing = given ? undefined : packingFit(options);
  if (packing) return packing;
  const fit = given ?? blockFit(options);
  const pack = packers[options.bits];
  return (x, from, out, packed, at) => {
    fit(x, from, out);
    pack(out.codes, packed, at);
  };
}

type Pack = (codes: Uint8Array, out: Uint8Array, at: number) => void;

/** Codes of one block into bytes, low bits first. */
export const packers: Readonly<Record<Bits, Pack>> = {
  2: (codes, out, at) => {
    for (let i = 0; i < codes.length; i += 4) out[at++] = codes[i]! | (codes[i + 1]! << 2) | (codes[i + 2]! << 4) | (codes[i + 3]! << 6);
  },
  4: (codes, out, at) => {
    for (let i = 0; i < codes.length; i += 2) out[at++] = codes[i]! | (codes[i + 1]! << 4);
  },
  8: (codes, out, at) => out.set(codes, at),
};

/** Code `index` of packed bytes. */
export const codeAt = (packed: Uint8Array, bits: Bits, index: number): number => {
  const perByte = 8 / bits;
  return (packed[Math.floor(index / perByte)]! >>> ((index % perByte) * bits)) & (2 ** bits - 1);
};

/** Zero points as MatMulNBits takes them: [n, ceil(blocks * bits / 8)], each column on a byte of its own, spare codes in the middle. */
export function packZeros(zeros: Uint8Array, n: number, bits: Bits): { bytes: Uint8Array; width: number } {
  const blocks = zeros.length / n;
  const width = Math.ceil((blocks * bits) / 8);
  const perByte = 8 / bits;
  const bytes = new Uint8Array(n * width);
  for (let column = 0; column < n; column++) {
    for (let i = 0; i < width * perByte; i++) {
      const code = i < blocks ? zeros[column * blocks + i]! : 2 ** (bits - 1);
      bytes[column * width + Math.floor(i / perByte)]! |= code << ((i % perByte) * bits);
    }
  }
  return { bytes, width };
}

/** The weights that the codes stand for, as [k, n] float32: (code - zero) * scale. */
export function dequantizeMatrix({ k, n, bits, blockSize, packed, scales, zeros }: QuantizedMatrix): Float32Array {
  const blocks = blocksOf(k, blockSize);
  const out = new Float32Array(k * n);
  for (let column = 0; column < n; column++) {
    for (let row = 0; row < k; row++) {
      const block = column * blocks + Math.floor(row / blockSize);
      const zero = zeros ? zeros[block]! : 2 ** (bits - 1);
      out[row * n + column] = Math.fround((codeAt(packed, bits, block * blockSize + (row % blockSize)) - zero) * scales[block]!);
    }
  }
  return out;
}
