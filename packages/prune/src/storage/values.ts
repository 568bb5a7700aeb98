/** Values of `width` bytes in planes (all first bytes, all second bytes ...), or as codes into a table. */

export function toPlanes(bytes: Uint8Array, width: number): Uint8Array {
  if (width === 1) return bytes;
  const count = bytes.length / width;
  const out = new Uint8Array(bytes.length);
  for (let b = 0; b < width; b++) for (let i = 0, from = b, to = b * count; i < count; i++, from += width) out[to++] = bytes[from]!;
  return out;
}

export function fromPlanes(planes: Uint8Array, width: number): Uint8Array {
  if (width === 1) return planes;
  const count = planes.length / width;
  const out = new Uint8Array(planes.length);
  for (let b = 0; b < width; b++) for (let i = 0, to = b, from = b * count; i < count; i++, to += width) out[to] = planes[from++]!;
  return out;
}

/** The different values, in ascending order, and the place of each in them; undefined when there are more than 256, or too few to pay. */
export function codesOf<T extends Uint16Array | Uint32Array | Uint8Array>(words: T): { table: Uint32Array | Uint16Array; codes: Uint8Array } | undefined {
  const seen = new Set<number>();
  for (const word of words) if (seen.add(word).size > 256) return undefined;
  const Kind = words instanceof Uint16Array ? Uint16Array : Uint32Array;
  const table = Kind.from([...seen].toSorted((a, b) => a - b));
  if (table.byteLength + words.length >= words.byteLength) return undefined;
  const place = new Map(Array.from(table, (word, i) => [word, i]));
  return { table, codes: Uint8Array.from(words, (word) => place.get(word)!) };
}

/** Values of the codes; undefined when one lies beyond the table. */
export function lookUp(table: Uint8Array, codes: Uint8Array, width: number): Uint8Array | undefined {
  const out = new Uint8Array(codes.length * width);
  for (let i = 0; i < codes.length; i++) {
    const from = codes[i]! * width;
    if (from >= table.length) return undefined;
    for (let b = 0; b < width; b++) out[i * width + b] = table[from + b]!;
  }
  return out;
}
