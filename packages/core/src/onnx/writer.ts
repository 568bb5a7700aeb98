/**
 * Writer of the protobuf wire format as a list of parts. Small values go into pages; large byte fields become parts of their own
 * without a copy, so that writing a model costs memory for its headers only.
 */
import { encodeUtf8Into } from "./utf8.ts";

/** Bytes that need not be in memory: `chunks` gives them piece by piece. */
export interface ByteSource {
  readonly byteLength: number;
  chunks(size: number): Iterable<Uint8Array>;
  /** All of it at once, where the source has a better way than joining chunks. */
  bytes?(): Uint8Array;
}

export type Part = Uint8Array | ByteSource;

const PAGE = 1 << 16;
/** Below this a copy into the page is cheaper than a part of its own. */
const COPY_BELOW = 1 << 12;

export class PartWriter {
  readonly parts: Part[] = [];
  #page = new Uint8Array(PAGE);
  #view = new DataView(this.#page.buffer);
  /** The bytes `#start` to `#used` of the page are not yet in `parts`. */
  #start = 0;
  #used = 0;

  /** An unsigned integer below 2^53. */
  uint(value: number): void {
    this.#room(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#page[this.#used++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#page[this.#used++] = rest;
  }

  /** `int32` and `int64`: negative values take ten bytes, as two's complement in 64 bits. */
  int(value: number | bigint): void {
    if (typeof value === "number" && value >= 0) return this.uint(value);
    this.#room(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      this.#page[this.#used++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#page[this.#used++] = Number(rest);
  }

  float(value: number): void {
    this.#room(4);
    this.#view.setFloat32(this.#used, value, true);
    this.#used += 4;
  }

  /** The text without its length. */
  text(value: string, byteLength: number): void {
    this.#room(byteLength);
    encodeUtf8Into(value, this.#page.subarray(this.#used, this.#used + byteLength));
    this.#used += byteLength;
  }

  /** The bytes without their length. */
  bytes(value: Part): void {
    if (!(value instanceof Uint8Array) || value.byteLength >= COPY_BELOW) {
      this.flush();
      this.parts.push(value);
      return;
    }
    this.#room(value.byteLength);
    this.#page.set(value, this.#used);
    this.#used += value.byteLength;
  }

  /** Moves what is in the page to the parts. */
  flush(): void {
    if (this.#used > this.#start) this.parts.push(this.#page.subarray(this.#start, this.#used));
    this.#start = this.#used;
  }

  #room(count: number): void {
    if (this.#used + count <= this.#page.length) return;
    this.flush();
    this.#page = new Uint8Array(Math.max(PAGE, count));
    this.#view = new DataView(this.#page.buffer);
    this.#start = this.#used = 0;
  }
}

/** Bytes of an unsigned integer below 2^53. */
export function uintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Bytes of an `int32` or `int64`. */
export function intSize(value: number | bigint): number {
  if (value < 0) return 10;
  if (typeof value === "number") return uintSize(value);
  let size = 1;
  for (let rest = value; rest >= 0x80n; rest >>= 7n) size++;
  return size;
}

/** The parts as plain pieces of at most `size` bytes each where they are not in memory. */
export function* chunksOf(parts: readonly Part[], size = 1 << 22): Generator<Uint8Array, void, undefined> {
  for (const part of parts) {
    if (part instanceof Uint8Array) yield part;
    else yield* part.chunks(size);
  }
}
