/** What weights take on disk in several forms, without writing any. */
import type { Model } from "@lathe/core";
import { allConstants } from "../structure/constants.ts";
import { packTensor } from "./pack.ts";

export interface CompressedSizes {
  /** Bytes of all constants as they are. */
  readonly raw: number;
  /** The same through gzip. */
  readonly gzip: number;
  /** Each tensor as `packTensor` writes it, through gzip: what a packed file takes. */
  readonly container: number;
}

export async function compressedSizes(model: Model): Promise<CompressedSizes> {
  const tensors = allConstants(model).map((v) => v.tensor!).filter((t) => t.dtype !== "string");
  return {
    raw: tensors.reduce((sum, t) => sum + t.byteLength, 0),
    gzip: await gzipLength(tensors.map((t) => t.bytes())),
    container: await gzipLength(tensors.flatMap((t) => packTensor(t).parts)),
  };
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
