/** What weights take on disk in several forms, without writing any. */
import type { Model, Tensor } from "@lathe/core";
import { allConstants } from "../structure/constants.ts";

export interface CompressedSizes {
  /** Bytes of all constants as they are. */
  readonly raw: number;
  /** The same through gzip. */
  readonly gzip: number;
  /** float32 tensors as a bit mask of what is not zero and the values' bytes in planes, through gzip; other tensors as they are. */
  readonly container: number;
}

export async function compressedSizes(model: Model): Promise<CompressedSizes> {
  const tensors = allConstants(model).map((v) => v.tensor!).filter((t) => t.dtype !== "string");
  return {
    raw: tensors.reduce((sum, t) => sum + t.byteLength, 0),
    gzip: await gzipLength(tensors.map((t) => t.bytes())),
    container: await gzipLength(tensors.flatMap((t) => (t.dtype === "float32" ? packSparse(t) : [t.bytes()]))),
  };
}

/**
 * The bit mask (first value in the lowest bit), then the values that are not zero, byte by byte of their four: all first bytes, all second
 * bytes ... Exponents repeat, so their plane compresses where the values do not.
 */
export function packSparse(tensor: Tensor): Uint8Array[] {
  const data = tensor.toFloat32();
  const mask = new Uint8Array(Math.ceil(data.length / 8));
  let count = 0;
  data.forEach((x, i) => {
    if (x === 0) return;
    mask[i >> 3]! |= 1 << (i & 7);
    count++;
  });
  const planes = new Uint8Array(count * 4);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let at = 0;
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0) continue;
    for (let b = 0; b < 4; b++) planes[b * count + at] = bytes[4 * i + b]!;
    at++;
  }
  return [mask, planes];
}

/** The inverse of {@link packSparse} for `size` values. */
export function unpackSparse([mask, planes]: readonly Uint8Array[], size: number): Float32Array {
  const out = new Float32Array(size);
  const bytes = new Uint8Array(out.buffer);
  const count = planes!.length / 4;
  let at = 0;
  for (let i = 0; i < size; i++) {
    if ((mask![i >> 3]! & (1 << (i & 7))) === 0) continue;
    for (let b = 0; b < 4; b++) bytes[4 * i + b] = planes![b * count + at]!;
    at++;
  }
  return out;
}

/** Length of the gzip stream of all parts together; nothing of it is kept. */
async function gzipLength(parts: readonly Uint8Array[]): Promise<number> {
  const stream = new CompressionStream("gzip");
  const writer = stream.writable.getWriter();
  const write = async (): Promise<void> => {
    for (const part of parts) await writer.write(part as Uint8Array<ArrayBuffer>);
    await writer.close();
  };
  const writing = write();
  let length = 0;
  for await (const chunk of stream.readable) length += (chunk as Uint8Array).length;
  await writing;
  return length;
}
