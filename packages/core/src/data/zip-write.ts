import { crc32 } from "./crc32.ts";
import { dataErrors } from "./errors.ts";
import { deflate, gather } from "./inflate.ts";
import { CENTRAL, EOCD, LOCAL } from "./zip.ts";

/** Writes a zip file; entries in the given order, dated 1980-01-01 so that the same content gives the same bytes. Up to 4 GiB. */
export async function writeZip(entries: readonly { readonly name: string; readonly bytes: Uint8Array }[], { compress = false } = {}): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes } of entries) {
    const packed = compress ? await deflate(bytes, "deflate-raw") : bytes;
    const label = new TextEncoder().encode(name);
    // Common part of the local and central headers: version 2.0, UTF-8 name, method, time, date, checksum, sizes, name length.
    const common = fields([[2, 20], [2, 0x0800], [2, compress ? 8 : 0], [2, 0], [2, 0x21], [4, crc32(bytes)], [4, packed.length], [4, bytes.length], [2, label.length]]);
    parts.push(fields([[4, LOCAL]]), common, fields([[2, 0]]), label, packed);
    directory.push(fields([[4, CENTRAL], [2, 20]]), common, fields([[2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), label);
    offset += 30 + label.length + packed.length;
  }
  const size = directory.reduce((n, p) => n + p.length, 0);
  if (offset + size > 0xffffffff || entries.length > 0xfffe) throw dataErrors.ZIP_LIMIT({ what: "The file to write", limit: "a size or number of entries", allowed: 0xffffffff, received: offset + size });
  const end = fields([[4, EOCD], [2, 0], [2, 0], [2, entries.length], [2, entries.length], [4, size], [4, offset], [2, 0]]);
  return gather([...parts, ...directory, end]);
}

/** Little-endian numbers, each with its width in bytes. */
function fields(list: readonly (readonly [width: 2 | 4, value: number])[]): Uint8Array {
  const out = new Uint8Array(list.reduce((n, [width]) => n + width, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [width, value] of list) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += width;
  }
  return out;
}
