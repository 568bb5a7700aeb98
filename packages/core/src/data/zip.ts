/**
 * The part of the ZIP format that NumPy's .npz files use: stored and deflated entries, ZIP64 sizes.
 * Source: PKWARE APPNOTE 6.3.10. Everything is read from the central directory and checked against the local headers.
 */
import { crc32 } from "./crc32.ts";
import { dataErrors } from "./errors.ts";
import { inflate } from "./inflate.ts";

export interface ZipLimits {
  /** Default 4096. */
  readonly maxEntries?: number | undefined;
  /** Unpacked bytes of all entries together; default 2 GiB. */
  readonly maxBytes?: number | undefined;
  /** Unpacked over packed size of one entry; default 1032, the most that DEFLATE can reach. */
  readonly maxRatio?: number | undefined;
}

export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** Unpacks; checks size and checksum. */
  read(): Promise<Uint8Array>;
}

/** Signatures of the end-of-directory record, of a directory entry and of a local header. */
export const EOCD = 0x06054b50;
const EOCD64_LOCATOR = 0x07064b50;
const EOCD64 = 0x06064b50;
export const CENTRAL = 0x02014b50;
export const LOCAL = 0x04034b50;

/** @throws ZIP_FORMAT, ZIP_LIMIT; on reading an entry also INFLATE */
export function readZip(bytes: Uint8Array, limits: ZipLimits = {}, what = "The data"): readonly ZipEntry[] {
  const { maxEntries = 4096, maxBytes = 2 ** 31, maxRatio = 1032 } = limits;
  const fail = (reason: string): never => {
    throw dataErrors.ZIP_FORMAT({ what, reason });
  };
  const limit = (name: string, allowed: number, received: number): void => {
    if (received > allowed) throw dataErrors.ZIP_LIMIT({ what, limit: name, allowed, received });
  };
  const file = new Reader(bytes, fail);
  const { count, offset } = directoryOf(file, fail);
  limit("a number of entries", maxEntries, count);
  const records = readDirectory(file, count, offset, fail);
  limit("an unpacked size", maxBytes, records.reduce((sum, r) => sum + r.size, 0));
  for (const r of records) if (r.size > 0) limit(`a compression ratio (entry "${r.name}")`, maxRatio, Math.round(r.size / Math.max(1, r.packed)));
  const located = records.map((r) => ({ ...r, start: dataStart(file, r, fail) }));
  refuseOverlap(located, offset, fail);
  return located.map((r) => ({ name: r.name, size: r.size, read: () => unpack(bytes.subarray(r.start, r.start + r.packed), r, what, fail) }));
}

interface Record {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly header: number;
}

/** Little-endian numbers with bounds. */
class Reader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fail: (reason: string) => never;

  constructor(bytes: Uint8Array, fail: (reason: string) => never) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fail = fail;
  }
  need(at: number, length: number): void {
    if (!(at >= 0 && at + length <= this.bytes.length)) this.#fail("it is cut short, or its directory points outside");
  }
  u16(at: number): number {
    this.need(at, 2);
    return this.#view.getUint16(at, true);
  }
  u32(at: number): number {
    this.need(at, 4);
    return this.#view.getUint32(at, true);
  }
  u64(at: number): number {
    this.need(at, 8);
    const value = this.#view.getBigUint64(at, true);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? this.#fail("a size in it is beyond 2^53") : Number(value);
  }
  text(at: number, length: number): string {
    this.need(at, length);
    return new TextDecoder().decode(this.bytes.subarray(at, at + length));
  }
}

function directoryOf(file: Reader, fail: (reason: string) => never): { readonly count: number; readonly offset: number } {
  const { length } = file.bytes;
  // The end record stands before a comment of at most 65535 bytes.
  const lowest = Math.max(0, length - 22 - 0xffff);
  for (let at = length - 22; at >= lowest; at--) {
    if (file.u32(at) !== EOCD || at + 22 + file.u16(at + 20) !== length) continue;
    if (file.u16(at + 4) !== 0 || file.u16(at + 6) !== 0) fail("it is split over several disks");
    const count = file.u16(at + 10);
    const offset = file.u32(at + 16);
    if (count !== 0xffff && offset !== 0xffffffff) return { count, offset };
    if (at < 20 || file.u32(at - 20) !== EOCD64_LOCATOR) return { count, offset };
    const wide = file.u64(at - 12);
    if (file.u32(wide) !== EOCD64) fail("its ZIP64 end record is missing");
    return { count: file.u64(wide + 32), offset: file.u64(wide + 48) };
  }
  return fail("it has no end-of-directory record");
}

function readDirectory(file: Reader, count: number, offset: number, fail: (reason: string) => never): readonly Record[] {
  const records: Record[] = [];
  const names = new Set<string>();
  let at = offset;
  for (let i = 0; i < count; i++) {
    if (file.u32(at) !== CENTRAL) fail(`directory entry ${i} is missing`);
    const [nameLength, extraLength, commentLength] = [file.u16(at + 28), file.u16(at + 30), file.u16(at + 32)];
    const name = file.text(at + 46, nameLength);
    if ((file.u16(at + 8) & 1) !== 0) fail(`entry "${name}" is encrypted`);
    if (names.has(name)) fail(`two entries are named "${name}"`);
    names.add(name);
    const wide = wideSizes(file, at + 46 + nameLength, extraLength, [file.u32(at + 24), file.u32(at + 20), file.u32(at + 42)], fail);
    records.push({ name, method: file.u16(at + 10), crc: file.u32(at + 16), size: wide[0], packed: wide[1], header: wide[2] });
    at += 46 + nameLength + extraLength + commentLength;
  }
  return records;
}

/** Sizes and offset; those that are all ones stand in the ZIP64 extra field (id 1), in this order. */
function wideSizes(file: Reader, at: number, length: number, narrow: readonly [number, number, number], fail: (reason: string) => never): readonly [number, number, number] {
  if (!narrow.includes(0xffffffff)) return narrow;
  for (let field = at; field + 4 <= at + length; field += 4 + file.u16(field + 2)) {
    if (file.u16(field) !== 1) continue;
    let next = field + 4;
    const end = next + file.u16(field + 2);
    const read = (value: number): number => {
      if (value !== 0xffffffff) return value;
      if (next + 8 > end) return fail("a ZIP64 field is too short");
      next += 8;
      return file.u64(next - 8);
    };
    return [read(narrow[0]), read(narrow[1]), read(narrow[2])];
  }
  return fail("a ZIP64 field is missing");
}

function dataStart(file: Reader, { header, packed, name }: Record, fail: (reason: string) => never): number {
  if (file.u32(header) !== LOCAL) fail(`the header of entry "${name}" is missing`);
  const start = header + 30 + file.u16(header + 26) + file.u16(header + 28);
  file.need(start, packed);
  return start;
}

/** Entries that share bytes are how small files unpack to huge ones. */
function refuseOverlap(records: readonly (Record & { readonly start: number })[], directory: number, fail: (reason: string) => never): void {
  let end = 0;
  for (const { header, start, packed, name } of [...records].sort((a, b) => a.header - b.header)) {
    if (header < end || start + packed > directory) fail(`entry "${name}" overlaps another part of the file`);
    end = start + packed;
  }
}

async function unpack(packed: Uint8Array, { name, method, size, crc }: Record, what: string, fail: (reason: string) => never): Promise<Uint8Array> {
  if (method !== 0 && method !== 8) fail(`entry "${name}" is packed by method ${method}; only 0 (stored) and 8 (deflate) are known`);
  const bytes = method === 0 ? packed : await inflate(packed, "deflate-raw", size, `entry "${name}" of ${what}`);
  if (bytes.length !== size) fail(`entry "${name}" has ${bytes.length} bytes where its header says ${size}`);
  if (crc32(bytes) !== crc) fail(`the checksum of entry "${name}" is wrong`);
  return bytes;
}
