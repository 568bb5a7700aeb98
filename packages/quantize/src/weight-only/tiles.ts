/** Brings a weight matrix tile by tile into the kernel's memory (kernel/nbits.ts): some columns, some blocks of each. */
import { kernel, type Kernel } from "../kernel/instance.ts";
import { BYTES, CODES, COLUMNS, HALVES, nbitsFunctions, ODD, RAW, RAW_VALUES, ROWS, SCALES, STRIDE, TILE, ZEROS, type NbitsFormat } from "../kernel/nbits.ts";
import { bytePieces, floatPieces, type BlockVisitor, type MatrixView } from "./blocks.ts";

/** What the kernel made of `count` columns from `first` on, `blocks` blocks of each from `block` on. The arrays are overwritten by the next. */
export interface Tile {
  readonly first: number;
  readonly count: number;
  readonly block: number;
  readonly blocks: number;
  /** [block, column], rows {@link COLUMNS} long. */
  readonly scales: Float32Array;
  readonly zeros: Int32Array;
  /** Codes [column, block], four bytes a word. */
  readonly words: Uint32Array;
}

/** Blocks are made of words of four bytes, at two bits a code too. */
const LEAST = 16;
/** Values of a weight in memory at a time, where a block of every column has not more. */
const SLAB = 2 ** 21;

type Nbits = Kernel<ReturnType<typeof nbitsFunctions>>;
const opened = new Map<string, () => Nbits | undefined>();

function open(format: NbitsFormat): Nbits | undefined {
  const key = `${format.algorithm} ${format.bits} ${format.symmetric}`;
  if (!opened.has(key)) opened.set(key, kernel(() => nbitsFunctions(format), Math.ceil(BYTES / 2 ** 16)));
  return opened.get(key)!();
}

/**
 * Quantizes all blocks of `size` values. `plain` gets those that the kernel leaves out, as {@link visitBlocks} would hand them on.
 * False where there is no kernel for the host or the size: nothing was visited then.
 */
export function quantizeTiles(view: MatrixView, size: number, format: NbitsFormat, take: (tile: Tile) => void, plain: BlockVisitor): boolean {
  if (size > ROWS || size % LEAST !== 0 || (view.transposed && 4 * view.k > RAW_VALUES)) return false;
  const found = open(format);
  if (!found) return false;
  const tiles = new Tiles(found, size, format.bits, take, plain);
  if (view.transposed) visitColumns(view, tiles);
  else visitRows(view, tiles);
  return true;
}

class Tiles {
  readonly run: Nbits["run"];
  readonly values: Float32Array;
  readonly halves: Uint8Array;
  readonly size: number;
  readonly #blob: number;
  readonly #odd: Float32Array;
  readonly #results: Pick<Tile, "scales" | "zeros" | "words">;
  readonly #take: (tile: Tile) => void;
  readonly #plain: BlockVisitor;

  constructor(found: Nbits, size: number, bits: number, take: (tile: Tile) => void, plain: BlockVisitor) {
    const buffer = found.buffer(BYTES);
    this.run = found.run;
    this.values = new Float32Array(buffer, 0, HALVES / 4);
    this.halves = new Uint8Array(buffer, HALVES, 2 * RAW_VALUES);
    this.size = size;
    this.#blob = (size * bits) / 8;
    this.#odd = new Float32Array(buffer, ODD, 4);
    this.#results = { scales: new Float32Array(buffer, SCALES), zeros: new Int32Array(buffer, ZEROS), words: new Uint32Array(buffer, CODES) };
    this.#take = take;
    this.#plain = plain;
  }

  /** Quantizes what lies in the tile: `rows` values of each column, which zeros fill up to whole blocks. */
  quantize(first: number, count: number, block: number, rows: number): void {
    const { values, size } = this;
    const blocks = Math.ceil(rows / size);
    const groups = Math.ceil(count / 4);
    values.fill(0, placeOf(rows), placeOf(blocks * size));
    if (count % 4 !== 0) for (let r = 0; r < rows; r++) values.fill(0, placeOf(r) + count, placeOf(r) + 4 * groups);
    this.#odd.fill(0);
    for (let b = 0; b < blocks; b++) this.run.columns(groups, size, TILE + b * size * STRIDE, SCALES + 4 * b * COLUMNS, CODES + b * this.#blob, blocks * this.#blob);
    if (this.#odd.every((lane) => lane === 0)) return this.#take({ ...this.#results, first, count, block, blocks });
    const x = new Float32Array(size);
    for (let b = 0; b < blocks; b++) {
      for (let c = 0; c < count; c++) {
        for (let i = 0; i < size; i++) x[i] = values[placeOf(b * size + i) + c]!;
        this.#plain(x, 0, first + c, block + b);
      }
    }
  }
}

/** Index of a row of the tile among the values. */
const placeOf = (row: number): number => (TILE + row * STRIDE) / 4;

/** Stored [k, n]: the next rows hold some blocks of every column. */
function visitRows({ tensor, k, n }: MatrixView, tiles: Tiles): void {
  const { size } = tiles;
  const half = tensor.dtype === "float16";
  const most = size * Math.max(1, Math.min(Math.floor(ROWS / size), Math.floor(SLAB / (size * n))));
  let done = 0;
  for (const slab of half ? bytePieces(tensor, 2 * most * n) : floatPieces(tensor, most * n)) {
    const rows = Math.min(most, k - done);
    for (let first = 0; first < n; first += COLUMNS) {
      const count = Math.min(COLUMNS, n - first);
      for (let r = 0; r < rows; r++) {
        const [from, to] = [r * n + first, r * n + first + count];
        if (slab instanceof Uint8Array) {
          tiles.halves.set(slab.subarray(2 * from, 2 * to));
          tiles.run.widen(count, TILE + r * STRIDE);
        } else tiles.values.set(slab.subarray(from, to), placeOf(r));
      }
      tiles.quantize(first, count, done / size, rows);
    }
    done += rows;
  }
}

/** Stored [n, k]: as many columns as there is room for at a time. */
function visitColumns({ tensor, k }: MatrixView, tiles: Tiles): void {
  const { size } = tiles;
  const half = tensor.dtype === "float16";
  const most = Math.min(COLUMNS, 4 * Math.floor(RAW_VALUES / k / 4));
  const atOnce = size * Math.floor(ROWS / size);
  let first = 0;
  for (const piece of half ? bytePieces(tensor, 2 * most * k) : floatPieces(tensor, most * k)) {
    if (piece instanceof Uint8Array) {
      tiles.halves.set(piece);
      tiles.run.widen(piece.length / 2, RAW);
    } else tiles.values.set(piece, RAW / 4);
    const count = piece.length / (piece instanceof Uint8Array ? 2 : 1) / k;
    for (let from = 0; from < k; from += atOnce) {
      const rows = Math.min(atOnce, k - from);
      tiles.run.turn(RAW + 4 * from, 4 * k, Math.ceil(count / 4), 4 * Math.ceil(rows / 4));
      tiles.quantize(first, count, from / size, rows);
    }
    first += count;
  }
}
