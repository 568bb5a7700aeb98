/**
 * Bounded reader of the protobuf wire format over one buffer, or over a file through a window. It never reads past its end, never
 * copies, and checks a declared length before anything is made from it. Source: protobuf.dev/programming-guides/encoding.
 */
import { codecErrors } from "./errors.ts";
import type { ByteSource, Part } from "./writer.ts";

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const GROUP_START = 3;
export const GROUP_END = 4;
export const FIXED32 = 5;

const floatBytes = new Uint8Array(4);
const floatView = new DataView(floatBytes.buffer);

export type WireType = typeof VARINT | typeof FIXED64 | typeof BYTES | typeof FIXED32;

/** A file that is read where needed. Each `read` gives fresh memory. */
export interface RandomAccess {
  readonly byteLength: number;
  read(offset: number, length: number): Uint8Array;
  /** A range that is left in the file. */
  part(offset: number, length: number): ByteSource;
}

/** Bytes read from a file at a time, and the length from which byte fields are left there. */
const WINDOW = 1 << 16;

export class Reader {
  /** Next byte to read, counted from the start of the source. */
  pos = 0;
  /** First byte that must not be read; lowered while a nested message is read. */
  end: number;
  /** "NodeProto.name": for error messages only. */
  where = "ModelProto";
  readonly #file: RandomAccess | undefined;
  /** The part of the source that is in memory, and where it begins. */
  #window: Uint8Array;
  #base = 0;
  /** Low and high half of the last 64-bit integer read. */
  #low = 0;
  #high = 0;

  constructor(source: Uint8Array | RandomAccess) {
    this.end = source.byteLength;
    this.#file = source instanceof Uint8Array ? undefined : source;
    this.#window = source instanceof Uint8Array ? source : new Uint8Array();
  }

  get done(): boolean {
    return this.pos >= this.end;
  }

  get place(): { offset: number; where: string } {
    return { offset: this.pos, where: this.where };
  }

  /** Field number and wire type as one unsigned number, `number * 8 + type`. */
  tag(): number {
    const start = this.pos;
    const value = this.uint();
    const number = Math.floor(value / 8);
    const wireType = value % 8;
    if (number === 0 || number > 0x1fffffff || wireType > FIXED32) {
      this.pos = start;
      throw codecErrors.ONNX_TAG({ ...this.place, field: number, wireType });
    }
    return value;
  }

  /** An unsigned integer that is used as a count or length. Beyond 2^53 it is no longer exact, but still too large. */
  uint(): number {
    const first = this.#window[this.pos - this.#base];
    if (first !== undefined && first < 0x80 && this.pos < this.end) {
      this.pos++;
      return first;
    }
    this.#halves();
    return (this.#high >>> 0) * 4294967296 + this.#low;
  }

  /** `int32` and enums: the low 32 bits, signed. */
  int32(): number {
    this.#halves();
    return this.#low | 0;
  }

  /** `int64`: a number when it is a safe integer, else a bigint. */
  int64(): number | bigint {
    this.#halves();
    const value = this.#high * 4294967296 + this.#low;
    if (Number.isSafeInteger(value)) return value;
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  float(): number {
    this.need(4);
    for (let i = 0; i < 4; i++) floatBytes[i] = this.#window[this.pos - this.#base + i]!;
    this.pos += 4;
    return floatView.getFloat32(0, true);
  }

  /** Reads a length, checks it against what is left, and returns it. */
  length(): number {
    const declared = this.uint();
    const available = this.end - this.pos;
    if (declared > available) throw codecErrors.ONNX_LENGTH({ ...this.place, declared, available });
    return declared;
  }

  /** A view, not a copy, of a length-delimited field. */
  view(): Uint8Array {
    const length = this.length();
    const view = this.slice(this.pos, this.pos + length);
    this.pos += length;
    return view;
  }

  /** The same, except that a long field of a file stays there. */
  part(): Part {
    const start = this.pos;
    const length = this.length();
    if (this.#file === undefined || length < WINDOW) {
      this.pos = start;
      return this.view();
    }
    const part = this.#file.part(this.pos, length);
    this.pos += length;
    return part;
  }

  /** The bytes from `from` to `to`, which lie before `end`. */
  slice(from: number, to: number): Uint8Array {
    this.#show(from, to - from);
    return this.#window.subarray(from - this.#base, to - this.#base);
  }

  /** Passes over one value. `depth` bounds nested groups. */
  skip(tag: number, depth: number, limit: number): void {
    const wireType = tag % 8;
    if (wireType === VARINT) this.skipVarint();
    else if (wireType === FIXED64) this.#advance(8);
    else if (wireType === FIXED32) this.#advance(4);
    else if (wireType === BYTES) this.#advance(this.length());
    else if (wireType === GROUP_START) this.#skipGroup(Math.floor(tag / 8), depth + 1, limit);
    else throw codecErrors.ONNX_GROUP({ ...this.place, field: Math.floor(tag / 8) });
  }

  skipVarint(): void {
    for (let i = 0; i < 10; i++) {
      this.need(1);
      if (this.#window[this.pos++ - this.#base]! < 0x80) return;
    }
    throw codecErrors.ONNX_VARINT(this.place);
  }

  need(count: number): void {
    if (this.end - this.pos < count) throw codecErrors.ONNX_TRUNCATED(this.place);
    this.#show(this.pos, count);
  }

  /** Moves the window so that it holds `count` bytes from `from` on. */
  #show(from: number, count: number): void {
    const file = this.#file;
    if (file === undefined || (from >= this.#base && from + count <= this.#base + this.#window.length)) return;
    this.#window = file.read(from, Math.min(Math.max(count, WINDOW), file.byteLength - from));
    this.#base = from;
  }

  #advance(count: number): void {
    if (this.end - this.pos < count) throw codecErrors.ONNX_TRUNCATED(this.place);
    this.pos += count;
  }

  /** Groups are an old protobuf form that ONNX does not use; inside an unknown field they are still well formed. */
  #skipGroup(field: number, depth: number, limit: number): void {
    if (depth > limit) throw codecErrors.ONNX_LIMIT_NESTING({ ...this.place, limit });
    while (!this.done) {
      const tag = this.tag();
      if (tag % 8 !== GROUP_END) {
        this.skip(tag, depth, limit);
        continue;
      }
      if (Math.floor(tag / 8) === field) return;
      break;
    }
    throw codecErrors.ONNX_GROUP({ ...this.place, field });
  }

  /** Seven bits per byte, low bits first: four bytes and a half go to the low half, the rest to the high half. */
  #halves(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      this.need(1);
      const byte = this.#window[this.pos++ - this.#base]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else {
        // The tenth byte has room for one bit only.
        if (shift === 63 && bits > 1) break;
        high |= bits << (shift - 32);
      }
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high | 0;
        return;
      }
    }
    throw codecErrors.ONNX_VARINT(this.place);
  }
}

/** What is wrong with a packed list of integers, if anything: it ends inside one, or one is longer than ten bytes. */
export function varintFault(bytes: Uint8Array): "ONNX_TRUNCATED" | "ONNX_VARINT" | undefined {
  let run = 0;
  for (let i = 0; i < bytes.length; i++) {
    run = bytes[i]! < 0x80 ? 0 : run + 1;
    if (run === 10) return "ONNX_VARINT";
  }
  return run === 0 ? undefined : "ONNX_TRUNCATED";
}
