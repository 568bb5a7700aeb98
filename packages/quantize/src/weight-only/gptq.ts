/**
 * GPTQ (Frantar et al. 2022): rounds one input channel after another and makes the channels still to come take up the error, so that
 * X W changes as little as possible on the calibration data. Needs H = X^T X.
 */
import { quantizeErrors } from "../errors.ts";
import { blocksOf, visitBlocks, type MatrixView } from "./blocks.ts";
import { weightOnlyErrors } from "./errors.ts";
import { inverseFactor } from "./cholesky.ts";
import { blockFit, type BlockAlgorithm } from "./fit.ts";
import { newFitted, type Bits } from "./fitted.ts";
import type { Gram } from "./gram.ts";
import { packedLength, packers, type QuantizedMatrix } from "./matrix.ts";

export interface GptqOptions {
  /** How the scales of blocks are found. */
  readonly algorithm: BlockAlgorithm;
  readonly bits: Bits;
  readonly blockSize: number;
  readonly symmetric: boolean;
  /** Share of the mean diagonal that is added to it. */
  readonly damping: number;
  /** Channels of large activations first; scales then come from the weights as they were. */
  readonly actOrder: boolean;
}

/** Channels whose errors are passed on together. */
const BATCH = 128;

/** @throws WEIGHT_ONLY_HESSIAN, QUANT_WEIGHT_NOT_FINITE */
export function gptqMatrix(view: MatrixView, gram: Gram, options: GptqOptions, activation: string): QuantizedMatrix {
  const { k, n } = view;
  const order = channelOrder(gram, options.actOrder);
  const u = inverseFactor(dampedHessian(gram, order, options.damping), k);
  if (!u) throw weightOnlyErrors.WEIGHT_ONLY_HESSIAN({ tensor: activation });
  const w = rowsInOrder(view, order);
  const grid = new Grid(view, options);
  const codes = new Uint8Array(k * n);
  const errors = new Float64Array(BATCH * n);
  for (let from = 0; from < k; from += BATCH) {
    const end = Math.min(k, from + BATCH);
    for (let i = from; i < end; i++) {
      const row = order[i]!;
      if (!options.actOrder && row % options.blockSize === 0) grid.fit(Math.floor(row / options.blockSize), w, i, Math.min(options.blockSize, k - i));
      roundRow(w, i, row, u[i * k + i]!, grid, codes, errors, (i - from) * n, n);
      for (let j = i + 1; j < end; j++) subtract(w, j * n, errors, (i - from) * n, u[i * k + j]!, n);
    }
    for (let j = end; j < k; j++) for (let i = from; i < end; i++) subtract(w, j * n, errors, (i - from) * n, u[i * k + j]!, n);
  }
  return grid.result(codes);
}

function channelOrder({ k, products }: Gram, byActivation: boolean): number[] {
  const order = Array.from({ length: k }, (_, i) => i);
  return byActivation ? order.sort((a, b) => products[b * k + b]! - products[a * k + a]! || a - b) : order;
}

function dampedHessian({ k, products }: Gram, order: readonly number[], damping: number): Float64Array {
  let mean = 0;
  for (let i = 0; i < k; i++) mean += products[i * k + i]! / k;
  const h = new Float64Array(k * k);
  for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) h[i * k + j] = products[order[i]! * k + order[j]!]!;
  // A channel that is always zero says nothing: what is added lets it be rounded by itself. Where damping adds nothing (no activations but
  // zeros, or an underflow) 1 is added, which makes every channel be rounded by itself.
  for (let i = 0; i < k; i++) h[i * k + i]! += damping * mean || 1;
  return h;
}

/** The weight as [k, n], rows in the order of rounding. @throws QUANT_WEIGHT_NOT_FINITE */
function rowsInOrder(view: MatrixView, order: readonly number[]): Float32Array {
  const { k, n, name } = view;
  const place = new Int32Array(k);
  order.forEach((row, i) => (place[row] = i));
  const w = new Float32Array(k * n);
  let check = 0;
  visitBlocks(view, 64, (x, from, column, block) => {
    for (let i = 0, row = block * 64; i < 64 && row < k; i++, row++) {
      const v = x[from + i]!;
      check += v - v;
      w[place[row]! * n + column] = v;
    }
  });
  if (check !== 0) throw quantizeErrors.QUANT_WEIGHT_NOT_FINITE({ tensor: name });
  return w;
}

function roundRow(w: Float32Array, i: number, row: number, pivot: number, grid: Grid, codes: Uint8Array, errors: Float64Array, at: number, n: number): void {
  for (let column = 0; column < n; column++) {
    const v = w[i * n + column]!;
    const code = grid.code(v, row, column);
    codes[row * n + column] = code;
    errors[at + column] = (v - grid.value(code, row, column)) / pivot;
  }
}

function subtract(w: Float32Array, to: number, errors: Float64Array, from: number, factor: number, n: number): void {
  if (factor === 0) return;
  for (let c = 0; c < n; c++) w[to + c]! -= factor * errors[from + c]!;
}

/** Scale and zero point of every block. */
class Grid {
  readonly #view: MatrixView;
  readonly #options: GptqOptions;
  readonly #blocks: number;
  readonly #scales: Float32Array;
  readonly #zeros: Uint8Array;

  constructor(view: MatrixView, options: GptqOptions) {
    this.#view = view;
    this.#options = options;
    this.#blocks = blocksOf(view.k, options.blockSize);
    this.#scales = new Float32Array(view.n * this.#blocks);
    this.#zeros = new Uint8Array(view.n * this.#blocks);
    const fit = blockFit(options);
    const fitted = newFitted(options.blockSize);
    visitBlocks(view, options.blockSize, (x, from, column, block) => {
      fit(x, from, fitted);
      this.#set(column * this.#blocks + block, fitted.scale, fitted.zero);
    });
  }

  #set(at: number, scale: number, zero: number): void {
    // What the file keeps is what counts.
    this.#scales[at] = scale;
    this.#zeros[at] = zero;
  }

  /** Fits a block again, to weights that have taken up errors. */
  fit(block: number, w: Float32Array, from: number, rows: number): void {
    const { n } = this.#view;
    const fit = blockFit(this.#options);
    const fitted = newFitted(this.#options.blockSize);
    const x = new Float32Array(this.#options.blockSize);
    for (let column = 0; column < n; column++) {
      for (let i = 0; i < rows; i++) x[i] = w[(from + i) * n + column]!;
      fit(x, 0, fitted);
      this.#set(column * this.#blocks + block, fitted.scale, fitted.zero);
    }
  }

  code(v: number, row: number, column: number): number {
    const at = column * this.#blocks + Math.floor(row / this.#options.blockSize);
    const scale = this.#scales[at]!;
    const q = scale === 0 ? this.#zeros[at]! : Math.round(v / scale) + this.#zeros[at]!;
    const top = 2 ** this.#options.bits - 1;
    return q < 0 ? 0 : q > top ? top : q;
  }

  value(code: number, row: number, column: number): number {
    const at = column * this.#blocks + Math.floor(row / this.#options.blockSize);
    return (code - this.#zeros[at]!) * this.#scales[at]!;
  }

  /** From codes [k, n]. */
  result(codes: Uint8Array): QuantizedMatrix {
    const { k, n } = this.#view;
    const { bits, blockSize, symmetric } = this.#options;
    const packed = new Uint8Array(packedLength(this.#view, this.#options));
    const block = new Uint8Array(blockSize);
    for (let at = 0; at < n * this.#blocks; at++) {
      const column = Math.floor(at / this.#blocks);
      const first = (at % this.#blocks) * blockSize;
      for (let i = 0; i < blockSize; i++) block[i] = first + i < k ? codes[(first + i) * n + column]! : this.#zeros[at]!;
      packers[bits](block, packed, (at * blockSize * bits) / 8);
    }
    return { k, n, bits, blockSize, packed, scales: this.#scales, zeros: symmetric ? undefined : this.#zeros };
  }
}
