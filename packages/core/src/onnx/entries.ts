/** String maps (`StringStringEntryProto` lists) and kept unknown bytes, in both directions. */
import type { OnNotice } from "./notice.ts";
import type { EntryProto } from "./proto.ts";

/** Entries as a map; undefined for none. A repeated key keeps its last value, with a notice. */
export function entriesToMap(entries: readonly EntryProto[] | undefined, owner: string, notice: OnNotice): Map<string, string> | undefined {
  if (entries === undefined || entries.length === 0) return undefined;
  const map = new Map<string, string>();
  for (const { key = "", value = "", unknown } of entries) {
    if (map.has(key)) notice({ code: "DUPLICATE_METADATA", message: `Key "${key}" of ${owner} is given more than once; the last value is kept.` });
    if (unknown) notice({ code: "UNKNOWN_DROPPED", message: `Unknown fields in entry "${key}" of ${owner} were dropped.` });
    map.set(key, value);
  }
  return map;
}

export function mapToEntries(map: ReadonlyMap<string, string> | undefined): readonly EntryProto[] | undefined {
  if (map === undefined || map.size === 0) return undefined;
  return Array.from(map, ([key, value]) => ({ key, value }));
}

/** Pieces as one array; a single piece is not copied. */
export function joinBytes(pieces: readonly Uint8Array[] | undefined): Uint8Array | undefined {
  if (pieces === undefined || pieces.length === 0) return undefined;
  if (pieces.length === 1) return pieces[0];
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let used = 0;
  for (const piece of pieces) {
    out.set(piece, used);
    used += piece.length;
  }
  return out;
}

/** Unknown bytes of the IR as the codec writes them. */
export const unknownOf = (bytes: Uint8Array | undefined): readonly Uint8Array[] | undefined => (bytes === undefined ? undefined : [bytes]);
