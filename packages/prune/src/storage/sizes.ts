/** What weights take on disk in several forms, without writing any. */
import { dtypes, Tensor, type Model } from "@lathe/core";
import { allConstants } from "../structure/constants.ts";
import { packTensor } from "./pack.ts";

export interface CompressedSizes {
  /** Bytes of all constants as they are. */
  readonly raw: number;
  /** The same through gzip. */
  readonly gzip: number;
  /** Each tensor as `packTensor` writes it, through gzip: what a packed file takes. */
  readonly container: number;
  /** Share of the bytes that were compressed to know: 1 means all; below, `gzip` and `container` are estimates from pieces drawn evenly. */
  readonly measured: number;
}

/** Compressing more would take longer than pruning it. */
const MOST_BYTES = 32e6;
const PIECE = 2 ** 18;

export async function compressedSizes(model: Model): Promise<CompressedSizes> {
  const tensors = allConstants(model).map((v) => v.tensor!).filter((t) => t.dtype !== "string");
  const raw = tensors.reduce((sum, t) => sum + t.byteLength, 0);
  const parts = raw <= MOST_BYTES ? tensors : pieces(tensors, Math.ceil(raw / MOST_BYTES));
  const measured = raw <= MOST_BYTES ? 1 : parts.reduce((sum, t) => sum + t.byteLength, 0) / raw;
  const scaled = (bytes: number): number => (measured > 0 ? Math.round(bytes / measured) : bytes);
  return {
    raw, measured,
    gzip: scaled(await gzipLength(parts.map((t) => t.bytes()))),
    container: scaled(await gzipLength(parts.flatMap((t) => packTensor(t).parts))),
  };
}

/** What a technique that leaves the shapes of weights alone reports: how much less their bytes compress to. */
export async function sizeChange(before: CompressedSizes, model: Model) {
  const after = await compressedSizes(model);
  return { metrics: { gzipBytesBefore: before.gzip, gzipBytes: after.gzip }, sizes: { before: { ...before }, after: { ...after } } };
}

/** Every n-th piece of each tensor, as tensors of their own; small tensors as one piece. */
function pieces(tensors: readonly Tensor[], n: number): Tensor[] {
  let turn = 0;
  return tensors.flatMap((tensor) => {
    const bytes = tensor.bytes();
    const found: Tensor[] = [];
    for (let at = 0; at < bytes.length; at += PIECE) {
      if (turn++ % n !== 0) continue;
      const piece = bytes.subarray(at, at + PIECE);
      found.push(Tensor.fromBytes(tensor.dtype, [Math.floor((piece.length * 8) / dtypes[tensor.dtype].bits)], piece));
    }
    return found;
  });
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
