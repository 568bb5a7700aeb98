/**
 * Bounded reader of the protobuf wire format over one buffer. It never reads past its end, never copies, and checks a declared
 * length before anything is made from it. Source: protobuf.dev/programming-guides/encoding.
 */
import { codecErrors } from "./errors.ts";

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const GROUP_START = 3;
export const GROUP_END = 4;
export const FIXED32 = 5;

export type WireType = typeof VARINT | typeof FIXED64 | typeof BYTES | typeof FIXED32;

export class Reader {
  readonly bytes: Uint8Array;
  /** Next byte to read. */
  pos = 0;
  /** First byte that must not be read; lowered while a nested message is read. */
  end: number;
  /** "NodeProto.name": for error messages only. */
  where = "ModelProto";
  readonly #view: DataView;
  /** Low and high half of the last 64-bit integer read. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    const first = this.bytes[this.pos];
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
    const value = this.#view.getFloat32(this.pos, true);
    this.pos += 4;
    return value;
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
    const view = this.bytes.subarray(this.pos, this.pos + length);
    this.pos += length;
    return view;
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
      if (this.bytes[this.pos++]! < 0x80) return;
    }
    throw codecErrors.ONNX_VARINT(this.place);
  }

  need(count: number): void {
    if (this.end - this.pos < count) throw codecErrors.ONNX_TRUNCATED(this.place);
  }

  #advance(count: number): void {
    this.need(count);
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
      const byte = this.bytes[this.pos++]!;
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
