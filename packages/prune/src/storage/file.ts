/**
 * A model in one compressed file, for storing and sending; ONNX Runtime needs it unpacked.
 *
 * Bytes: "LATHEPK", version 1 (one byte), length of the header (u32, little-endian), header (JSON), then sections one behind the other: the
 * model with its larger constants taken out (an ONNX file), and one section for each constant, each compressed on its own, so that one
 * at a time is in memory unpacked. The header tells each section's lengths and a digest of what it unpacks to.
 */
import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { brotliCompress, brotliDecompress, constants, gunzip, gzip } from "node:zlib";
import { decodeModel, dtypes, encodeModel, Tensor, type DType, type Model } from "@lathe/core";
import { writeFiles } from "@lathe/core/node";
import { z } from "zod";
import { pruneErrors } from "../errors.ts";
import { allConstants, setConstant } from "../structure/constants.ts";
import { packTensor, unpackTensor } from "./pack.ts";

const MAGIC = "LATHEPK";
const VERSION = 1;
/** Constants of fewer elements stay in the model. */
const SMALLEST = 64;
const MAX_HEADER = 2 ** 26;

export type PackCodec = "gzip" | "brotli" | "none";

export interface PackOptions {
  /** brotli packs a little tighter than gzip, in several times the time. Default "gzip". */
  readonly codec?: PackCodec;
  readonly signal?: AbortSignal;
}

export interface UnpackOptions {
  /** Most bytes that the model may have when unpacked. A file that says more is refused before anything is allocated. Default 2 GiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

const length = z.number().int().min(0).max(2 ** 40);
const section = z.strictObject({ packed: length, raw: length, digest: z.string().length(16) });
const headerSchema = z.strictObject({
  codec: z.enum(["gzip", "brotli", "none"]),
  model: section,
  tensors: z.array(z.strictObject({
    constant: length, dtype: z.enum(Object.keys(dtypes) as [DType, ...DType[]]), dims: z.array(length).max(64), section,
    packing: z.strictObject({ positions: z.enum(["all", "mask", "gaps"]), values: z.enum(["planes", "table"]), count: length, lengths: z.tuple([length, length, length]) }),
  })),
});
type Header = z.infer<typeof headerSchema>;
type Section = z.infer<typeof section>;

const compressors: Readonly<Record<PackCodec, (bytes: Uint8Array) => Promise<Uint8Array>>> = {
  gzip: (bytes) => promisify(gzip)(bytes, { level: 6 }),
  brotli: (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  none: async (bytes) => bytes,
};

/** `most` bytes come out at most: a stream that would give more is an error, not memory. */
const decompressors: Readonly<Record<PackCodec, (bytes: Uint8Array, most: number) => Promise<Uint8Array>>> = {
  gzip: (bytes, most) => promisify(gunzip)(bytes, { maxOutputLength: Math.max(1, most) }),
  brotli: (bytes, most) => promisify(brotliDecompress)(bytes, { maxOutputLength: Math.max(1, most) }),
  none: async (bytes) => bytes,
};

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** Writes the model packed; the file appears whole or not at all. Gives its size in bytes. The model is not changed. */
export async function savePacked(model: Model, path: string, { codec = "gzip", signal }: PackOptions = {}): Promise<number> {
  const sections: Uint8Array[] = [];
  const add = async (raw: Uint8Array): Promise<Section> => {
    signal?.throwIfAborted();
    const packed = await compressors[codec](raw);
    sections.push(packed);
    return { packed: packed.length, raw: raw.length, digest: digestOf(raw) };
  };
  const skeleton = model.clone();
  const tensors: Header["tensors"] = [];
  for (const [constant, value] of allConstants(skeleton).entries()) {
    const tensor = value.tensor!;
    if (tensor.dtype === "string" || tensor.size < SMALLEST) continue;
    const { packing, parts } = packTensor(tensor);
    tensors.push({ constant, dtype: tensor.dtype, dims: [...tensor.dims], packing: { ...packing, lengths: [...packing.lengths] }, section: await add(Buffer.concat(parts)) });
    setConstant(value, Tensor.fromBytes(tensor.dtype, [0], new Uint8Array(0)));
  }
  const header: Header = { codec, model: await add(encodeModel(skeleton)), tensors };
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(MAGIC.length + 5);
  start.write(MAGIC, "latin1");
  start.writeUInt8(VERSION, MAGIC.length);
  start.writeUInt32LE(text.length, MAGIC.length + 1);
  // The model's section was made last, and stands last.
  const parts = [start, text, ...sections];
  await writeFiles([{ path, write: (file) => file.write(parts) }]);
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/**
 * Reads a packed model. @throws PACK_FORMAT for what is no packed model, PACK_VERSION, PACK_LIMIT when it is too large unpacked, PACK_DAMAGED; those
 * of `decodeModel`.
 */
export async function loadPacked(path: string, { maxBytes = 2 ** 31, signal }: UnpackOptions = {}): Promise<Model> {
  const file = await open(path, "r");
  try {
    const { header, end } = await readHeader(file, path);
    check(header, end, (await file.stat()).size, maxBytes);
    let at = end;
    const next = async ({ packed, raw, digest }: Section): Promise<Uint8Array> => {
      signal?.throwIfAborted();
      const bytes = await decompressors[header.codec](await read(file, at, packed), raw).catch((error: unknown) => {
        throw pruneErrors.PACK_DAMAGED({ reason: "a section does not unpack to its length" }, error);
      });
      at += packed;
      if (bytes.length !== raw || digestOf(bytes) !== digest) throw pruneErrors.PACK_DAMAGED({ reason: "a section's content is not what was written" });
      return bytes;
    };
    const tensors = new Map<number, Tensor>();
    for (const { constant, dtype, dims, packing, section: one } of header.tensors) tensors.set(constant, unpackTensor(dtype, dims, packing, await next(one)));
    const model = decodeModel(await next(header.model));
    const values = allConstants(model);
    for (const [constant, tensor] of tensors) {
      const value = values[constant];
      if (value?.tensor?.dtype !== tensor.dtype || value.tensor.size !== 0) throw pruneErrors.PACK_DAMAGED({ reason: `constant ${constant} has no place in the model` });
      setConstant(value, tensor);
    }
    return model;
  } finally {
    await file.close();
  }
}

async function readHeader(file: FileHandle, path: string): Promise<{ header: Header; end: number }> {
  const start = await read(file, 0, MAGIC.length + 5).catch(() => undefined);
  if (start?.toString("latin1", 0, MAGIC.length) !== MAGIC) throw pruneErrors.PACK_FORMAT({ path });
  if (start[MAGIC.length] !== VERSION) throw pruneErrors.PACK_VERSION({ version: start[MAGIC.length]!, known: VERSION });
  const size = start.readUInt32LE(MAGIC.length + 1);
  if (size > MAX_HEADER) throw pruneErrors.PACK_DAMAGED({ reason: `its header of ${size} bytes is too long` });
  const text = (await read(file, start.length, size)).toString("utf8");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw pruneErrors.PACK_DAMAGED({ reason: "its header is no JSON" }, error);
  }
  const parsed = headerSchema.safeParse(json);
  if (!parsed.success) throw pruneErrors.PACK_DAMAGED({ reason: `its header is not that of a packed model (${parsed.error.issues[0]?.path.join(".")})` });
  return { header: parsed.data, end: start.length + size };
}

/** Everything the header claims, added up, before anything is allocated. */
function check({ model, tensors }: Header, end: number, size: number, maxBytes: number): void {
  const packed = tensors.reduce((sum, t) => sum + t.section.packed, model.packed);
  if (end + packed !== size) throw pruneErrors.PACK_DAMAGED({ reason: `it has ${size} bytes where its header tells of ${end + packed}` });
  const bytes = tensors.reduce((sum, { dtype, dims, section: { raw } }) => sum + Math.max(raw, (dims.reduce((p, d) => p * d, 1) * dtypes[dtype].bits) / 8), model.raw);
  if (!(bytes <= maxBytes)) throw pruneErrors.PACK_LIMIT({ bytes, limit: maxBytes });
}

/** @throws PACK_DAMAGED when the file ends before. */
async function read(file: FileHandle, position: number, size: number): Promise<Buffer> {
  const { size: whole } = await file.stat();
  if (position + size > whole) throw pruneErrors.PACK_DAMAGED({ reason: "it ends too early" });
  const bytes = Buffer.alloc(size);
  let done = 0;
  while (done < size) {
    const { bytesRead } = await file.read(bytes, done, size - done, position + done);
    if (bytesRead === 0) throw pruneErrors.PACK_DAMAGED({ reason: "it ends too early" });
    done += bytesRead;
  }
  return bytes;
}
