/**
 * The .npy format of NumPy, versions 1 to 3. Source: NumPy Enhancement Proposal 1 and numpy.lib.format.
 * Layout: magic, version, header length, a Python dict literal, then the elements.
 */
import { byteLengthOf, dtypes, type DType } from "../dtype.ts";
import { elementCount, Tensor } from "../tensor.ts";
import { dataErrors } from "./errors.ts";
import { parseHeader, type NpyHeader } from "./npy-header.ts";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Strings of no width take no bytes, so that the file's length does not limit their number. */
const MAX_EMPTY_STRINGS = 65_536;
/** NumPy itself refuses longer ones. */
const MAX_HEADER = 65_536;

/** Type character and width of the array protocol, without the byte order. */
const kinds: Readonly<Record<string, DType>> = {
  b1: "bool", i1: "int8", u1: "uint8", i2: "int16", u2: "uint16", i4: "int32", u4: "uint32", i8: "int64", u8: "uint64",
  f2: "float16", f4: "float32", f8: "float64", c8: "complex64", c16: "complex128",
};
const codes = new Map<DType, string>(Object.entries(kinds).map(([code, dtype]) => [dtype, code]));

/**
 * Decodes a .npy file. Little-endian arrays in C order share the given bytes; others are converted. Unicode (U) and byte (S) strings
 * become string tensors. Pickled objects are refused: reading them would run code.
 * @param what names the file in errors.
 * @throws NPY_FORMAT, NPY_DTYPE
 */
export function decodeNpy(bytes: Uint8Array, what = "The data"): Tensor {
  const fail = (reason: string): never => {
    throw dataErrors.NPY_FORMAT({ what, reason });
  };
  if (MAGIC.some((byte, i) => bytes[i] !== byte) || bytes.length < 10) fail("it does not begin with the .npy signature");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [major] = bytes.subarray(6);
  if (major !== 1 && major !== 2 && major !== 3) fail(`version ${String(major)} is unknown`);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) fail("it ends inside the header");
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER) fail(`its header has ${length} bytes, more than ${MAX_HEADER}`);
  if (bytes.length < start + length) fail("it ends inside the header");
  const text = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(bytes.subarray(start, start + length));
  const header = parseHeader(text, fail);
  return readElements(header, bytes.subarray(start + length), what, fail);
}

function readElements({ descr, fortran, shape }: NpyHeader, data: Uint8Array, what: string, fail: (reason: string) => never): Tensor {
  const [, order, kind, width] = /^([<>|=]?)([a-zA-Z])(\d*)$/.exec(descr) ?? fail(`its element type "${descr}" is not simple`);
  if (kind === "O") fail("it holds pickled Python objects");
  const count = elementCount(shape);
  const take = (size: number): Uint8Array => (data.length < size ? fail(`it holds ${data.length} bytes of elements where ${size} are expected`) : data.subarray(0, size));
  if (kind === "U" || kind === "S") {
    if (fortran && shape.length > 1) fail("strings in Fortran order are not supported");
    const size = Number(width) * (kind === "U" ? 4 : 1);
    if (size === 0 && count > MAX_EMPTY_STRINGS) fail(`it says to hold ${count} strings of no width, more than ${MAX_EMPTY_STRINGS}`);
    return Tensor.fromStrings(shape, readStrings(take(count * size), count, size, kind, order === ">"));
  }
  const dtype = kinds[`${kind}${width}`];
  if (dtype === undefined) throw dataErrors.NPY_DTYPE({ what, dtype: descr });
  const stored = take(byteLengthOf(dtype, count));
  const native = order === ">" ? swapped(stored, unitOf(dtype)) : stored;
  return fortran && shape.length > 1 ? toRowMajor(Tensor.fromBytes(dtype, shape, native)) : Tensor.fromBytes(dtype, shape, native);
}

/** Bytes that are swapped together: a complex number is two floats. */
const unitOf = (dtype: DType): number => dtypes[dtype].bits / 8 / (dtypes[dtype].kind === "complex" ? 2 : 1);

/** The bytes with every `unit` of them reversed. */
export function swapped(bytes: Uint8Array, unit: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i += unit) for (let k = 0; k < unit; k++) out[i + k] = bytes[i + unit - 1 - k]!;
  return out;
}

/** Fixed-width strings, padded with zeros at the end. */
function readStrings(data: Uint8Array, count: number, size: number, kind: string, bigEndian: boolean): string[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const latin = new TextDecoder("latin1");
  return Array.from({ length: count }, (_, i) => {
    if (kind === "S") return latin.decode(data.subarray(i * size, (i + 1) * size)).replace(/\0+$/, "");
    const points = Array.from({ length: size / 4 }, (__, k) => view.getUint32(i * size + k * 4, !bigEndian));
    return String.fromCodePoint(...points.map((p) => (p > 0x10ffff ? 0xfffd : p))).replace(/\0+$/, "");
  });
}

/** Elements that stand in column-major order, put in row-major order. */
function toRowMajor(tensor: Tensor): Tensor {
  const width = dtypes[tensor.dtype].bits / 8;
  const { dims, size } = tensor;
  const source = tensor.bytes();
  const out = new Uint8Array(source.length);
  const strides: number[] = [];
  let stride = 1;
  for (const d of dims) {
    strides.push(stride);
    stride *= d;
  }
  const index = new Array<number>(dims.length).fill(0);
  let from = 0;
  for (let to = 0; to < size; to++) {
    for (let k = 0; k < width; k++) out[to * width + k] = source[from * width + k]!;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += strides[axis]!;
      if (index[axis]! < dims[axis]!) break;
      from -= strides[axis]! * dims[axis]!;
      index[axis] = 0;
    }
  }
  return Tensor.fromBytes(tensor.dtype, dims, out);
}

/**
 * Encodes a tensor as a .npy file (version 1.0, C order). Strings are written as fixed-width Unicode.
 * @throws NPY_DTYPE for types that NumPy lacks (bfloat16, float8, 4- and 2-bit types).
 */
export function encodeNpy(tensor: Tensor): Uint8Array {
  const { descr, data } = elementsOf(tensor);
  const shape = tensor.dims.length === 1 ? `(${tensor.dims[0]},)` : `(${tensor.dims.join(", ")})`;
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  // The elements begin at a multiple of 64 bytes; the header ends with a line feed.
  const total = Math.ceil((10 + dict.length + 1) / 64) * 64;
  const out = new Uint8Array(total + data.length);
  out.set([...MAGIC, 1, 0, (total - 10) & 0xff, (total - 10) >> 8]);
  out.set(new TextEncoder().encode(`${dict.padEnd(total - 11)}\n`), 10);
  out.set(data, total);
  return out;
}

function elementsOf(tensor: Tensor): { readonly descr: string; readonly data: Uint8Array } {
  if (tensor.dtype === "string") return stringElements(tensor.strings());
  const code = codes.get(tensor.dtype);
  if (code === undefined) throw dataErrors.NPY_DTYPE({ what: "The tensor", dtype: tensor.dtype });
  return { descr: `${dtypes[tensor.dtype].bits === 8 ? "|" : "<"}${code}`, data: tensor.bytes() };
}

function stringElements(values: readonly string[]): { readonly descr: string; readonly data: Uint8Array } {
  const points = values.map((value) => Array.from(value, (char) => char.codePointAt(0)!));
  const width = Math.max(1, ...points.map((p) => p.length));
  const data = new Uint8Array(values.length * width * 4);
  const view = new DataView(data.buffer);
  points.forEach((chars, i) => chars.forEach((point, k) => view.setUint32((i * width + k) * 4, point, true)));
  return { descr: `<U${width}`, data };
}
