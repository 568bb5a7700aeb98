/** Goes through a weight matrix block by block, reading a weight that lies in a file piece by piece. */
import { decodeInto, viewBytes, type Tensor } from "@lathe/core";

/** A constant of a matrix product, seen as [k, n]: k is summed over. */
export interface MatrixView {
  readonly tensor: Tensor;
  readonly name: string;
  readonly k: number;
  readonly n: number;
  /** True when it is stored as [n, k]. */
  readonly transposed: boolean;
}

/** Gets `size` values from `x[from]` on: block `block` of column `column`. The array is reused. */
export type BlockVisitor = (x: Float32Array, from: number, column: number, block: number) => void;

export const blocksOf = (k: number, size: number): number => Math.ceil(k / size);

/** Columns transposed at a time: rows of a tile are read in one go, and the tile stays in the first-level cache. */
const TILE = 32;
/** Elements read at a time from a weight stored column by column. */
const PIECE = 1 << 20;

/** Visits all blocks; the last of a column is filled up with zeros. */
export function visitBlocks(view: MatrixView, size: number, visit: BlockVisitor): void {
  if (view.transposed) visitRows(view, size, visit);
  else visitSlabs(view, size, visit);
}

/** Stored [k, n]: the next `size` rows hold one block of every column. */
function visitSlabs({ tensor, k, n }: MatrixView, size: number, visit: BlockVisitor): void {
  const tile = new Float32Array(TILE * size);
  let block = 0;
  for (const slab of floatPieces(tensor, size * n)) {
    const rows = Math.min(size, k - block * size);
    if (rows < size) tile.fill(0);
    for (let first = 0; first < n; first += TILE) {
      const last = Math.min(n, first + TILE);
      transpose(slab, rows, n, first, last, size, tile);
      for (let column = first; column < last; column++) visit(tile, (column - first) * size, column, block);
    }
    block++;
  }
}

function transpose(slab: Float32Array, rows: number, n: number, first: number, last: number, size: number, tile: Float32Array): void {
  for (let r = 0; r < rows; r++) {
    let to = r;
    for (let at = r * n + first, end = r * n + last; at < end; at++) {
      tile[to] = slab[at]!;
      to += size;
    }
  }
}

/** Stored [n, k]: a column is contiguous. */
function visitRows({ tensor, k }: MatrixView, size: number, visit: BlockVisitor): void {
  const blocks = blocksOf(k, size);
  const padded = k % size === 0 ? undefined : new Float32Array(blocks * size);
  const rows = Math.max(1, Math.floor(PIECE / k));
  let column = 0;
  for (const piece of floatPieces(tensor, rows * k)) {
    for (let at = 0; at < piece.length; at += k, column++) {
      padded?.set(piece.subarray(at, at + k));
      for (let block = 0; block < blocks; block++) visit(padded ?? piece, (padded ? 0 : at) + block * size, column, block);
    }
  }
}

/** Values of a float tensor as float32, `count` at a time (fewer at the end). Pieces may share one buffer. */
export function* floatPieces(tensor: Tensor, count: number): Generator<Float32Array, void, undefined> {
  const { dtype, storage, size } = tensor;
  if (dtype === "float32" && (storage.kind === "memory" || !storage.chunks)) {
    const data = tensor.data() as Float32Array;
    for (let at = 0; at < size; at += count) yield data.subarray(at, Math.min(size, at + count));
    return;
  }
  const bytes = dtype === "float64" ? 8 : dtype === "float32" ? 4 : 2;
  const scratch = dtype === "float32" ? undefined : new Float32Array(Math.min(count, size));
  for (const piece of bytePieces(tensor, count * bytes)) {
    if (!scratch) yield viewBytes(piece, "float32") as Float32Array;
    else yield decodeInto(piece, dtype, scratch.subarray(0, piece.byteLength / bytes));
  }
}

/** The stored bytes, `size` at a time (fewer at the end). */
export function* bytePieces({ storage }: Tensor, size: number): Generator<Uint8Array, void, undefined> {
  if (storage.kind !== "memory" && storage.chunks) {
    yield* regular(storage.chunks(size), size, storage.byteLength);
    return;
  }
  const bytes = storage.bytes();
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, Math.min(bytes.byteLength, at + size));
}

/** Storages may give other sizes than asked for; here each piece is `size` bytes, the last may be shorter. */
function* regular(chunks: Iterable<Uint8Array>, size: number, total: number): Generator<Uint8Array, void, undefined> {
  let open = new Uint8Array(0);
  let filled = 0;
  let done = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength; ) {
      const want = Math.min(size, total - done);
      if (filled === 0 && chunk.byteLength - at >= want) {
        yield chunk.subarray(at, at + want);
        at += want;
        done += want;
        continue;
      }
      if (filled === 0) open = new Uint8Array(want);
      const part = chunk.subarray(at, at + want - filled);
      open.set(part, filled);
      filled += part.byteLength;
      at += part.byteLength;
      if (filled < want) continue;
      yield open;
      done += want;
      filled = 0;
    }
  }
}
