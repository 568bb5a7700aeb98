/** What the teacher said of an example, found again by the example's content: it cannot be stale, whatever augmentation does. */
import type { Feeds, Tensor } from "@lathe/core";
import { joined, rows } from "./data.ts";

/** The teacher's tensors for one example, each with a batch of 1. */
type Row = readonly Tensor[];

/** Rows beyond one time over the data that may miss before it is concluded that examples never come back unchanged. */
const PATIENCE = 4096;

/** Least recently used rows make room once `limit` bytes are held. */
export class TeacherCache {
  readonly #limit: number;
  readonly #patience: number;
  readonly #rows = new Map<string, Row>();
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  /** @param examples how many there are: no more of them can be new. */
  constructor(limit: number, examples = 0) {
    this.#limit = limit;
    this.#patience = examples + PATIENCE;
  }

  /** False when looking up has not paid: examples are augmented, or do not fit. */
  get useful(): boolean {
    return this.#limit > 0 && (this.#hits > 0 || this.#misses < this.#patience);
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  find(key: string): Row | undefined {
    const row = this.#rows.get(key);
    if (row) {
      this.#hits++;
      this.#rows.delete(key);
      this.#rows.set(key, row);
    } else this.#misses++;
    return row;
  }

  keep(key: string, row: Row): void {
    const size = sizeOf(row);
    if (size > this.#limit || this.#rows.has(key)) return;
    this.#rows.set(key, row);
    this.#bytes += size;
    for (const [old, bytes] of this.#rows) {
      if (this.#bytes <= this.#limit) break;
      this.#rows.delete(old);
      this.#bytes -= sizeOf(bytes);
    }
  }
}

/** What a row and a tensor take in memory beside the values, as V8 holds them; logits of ten classes are 40 bytes. */
const ROW_BYTES = 256;
const TENSOR_BYTES = 1024;

const sizeOf = (row: Row): number => row.reduce((sum, tensor) => sum + tensor.byteLength + TENSOR_BYTES, ROW_BYTES);

/** One key for each example of a batch: SHA-256 of its part of all these tensors, and their shapes. */
export async function rowKeys(feeds: Feeds, count: number): Promise<string[]> {
  const tensors = Object.keys(feeds).sort().map((name) => feeds[name]!);
  const shapes = tensors.map((t) => t.dims.slice(1).join()).join(" ");
  return Promise.all(Array.from({ length: count }, async (_, i) => {
    const parts = tensors.map((t) => partOf(t, i, count));
    const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
    parts.reduce((at, part) => {
      joined.set(part, at);
      return at + part.byteLength;
    }, 0);
    return `${hex(new Uint8Array(await crypto.subtle.digest("SHA-256", joined)))} ${shapes}`;
  }));
}

function partOf(tensor: Tensor, index: number, count: number): Uint8Array {
  const bytes = tensor.bytes();
  const size = bytes.byteLength / count;
  return bytes.subarray(index * size, (index + 1) * size);
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

/** Tensors [N, ...] as N rows, and back. */
export const splitRows = (tensors: readonly Tensor[], count: number): Row[] => Array.from({ length: count }, (_, i) => tensors.map((t) => rows(t, [i])));

export const joinRows = (list: readonly Row[]): Tensor[] => list[0]!.map((_, t) => joined(list.map((row) => row[t]!)));
