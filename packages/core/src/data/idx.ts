/** The IDX format of the MNIST databases (http://yann.lecun.com/exdb/mnist): two zero bytes, type, rank, sizes, elements, big-endian. */
import { byteLengthOf, dtypes, type DType } from "../dtype.ts";
import { Tensor } from "../tensor.ts";
import { dataErrors } from "./errors.ts";
import { inflate, isGzip } from "./inflate.ts";
import { swapped } from "./npy.ts";

const types: Readonly<Record<number, DType>> = { 0x08: "uint8", 0x09: "int8", 0x0b: "int16", 0x0c: "int32", 0x0d: "float32", 0x0e: "float64" };

/**
 * Decodes an IDX file, gzipped or plain.
 * @throws IDX_FORMAT, INFLATE, ZIP_LIMIT
 */
export async function decodeIdx(bytes: Uint8Array, { maxBytes = 2 ** 31 } = {}, what = "The data"): Promise<Tensor> {
  const plain = isGzip(bytes) ? await inflate(bytes, "gzip", maxBytes, what) : bytes;
  const fail = (reason: string): never => {
    throw dataErrors.IDX_FORMAT({ what, reason });
  };
  if (plain.length < 4 || plain[0] !== 0 || plain[1] !== 0) fail("it does not begin with two zero bytes");
  const dtype = types[plain[2]!] ?? fail(`its element type ${plain[2]} is unknown`);
  const rank = plain[3]!;
  if (rank === 0 || plain.length < 4 + 4 * rank) fail("it ends inside the header");
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
  const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = byteLengthOf(dtype, dims.reduce((product, d) => product * d, 1));
  const received = plain.length - 4 - 4 * rank;
  if (received !== expected) fail(`it holds ${received} bytes of elements where ${expected} are expected`);
  const { bits } = dtypes[dtype];
  const data = plain.subarray(4 + 4 * rank);
  return Tensor.fromBytes(dtype, dims, bits === 8 ? data : swapped(data, bits / 8));
}
