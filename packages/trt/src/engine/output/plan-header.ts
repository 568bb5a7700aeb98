/** The first bytes of an engine file. What follows them is not documented and not read. */
import { engineErrors } from "../errors.ts";
import type { TensorRTVersion } from "../version.ts";

export interface PlanHeader {
  /** "ftrt" in files of TensorRT; "ptrt" is seen too. */
  readonly magic: "ftrt" | "ptrt";
  /** The release that built it; undefined when the header is of a form that does not tell. */
  readonly version: (TensorRTVersion & { readonly build: number }) | undefined;
}

/** Enough for any header that is read. */
export const PLAN_HEADER_BYTES = 1 << 16;
const VERSION_AT = 24;
const magics = ["ftrt", "ptrt"] as const;

/**
 * Reads magic and version. Newer files begin with the length of a JSON text and that text, and the magic comes after it.
 * @param bytes the first {@link PLAN_HEADER_BYTES} of the file, or all of it
 * @throws TRT_PLAN
 */
export function parsePlanHeader(bytes: Uint8Array): PlanHeader {
  const start = magicAt(bytes, 0) ? 0 : jsonEnd(bytes);
  const magic = magicAt(bytes, start);
  if (!magic) throw engineErrors.TRT_PLAN({ reason: bytes.length < 4 ? `it has ${bytes.length} bytes` : `it begins with ${[...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ")}` });
  if (bytes.length < start + VERSION_AT + 4) throw engineErrors.TRT_PLAN({ reason: "it is cut short within its header" });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [major, minor, patch, build] = bytes.subarray(start + VERSION_AT, start + VERSION_AT + 4) as unknown as [number, number, number, number];
  // Another serialization version puts the release elsewhere; a major of 0 is no release.
  const told = view.getUint32(start + 4, true) === 0 && major > 0;
  return { magic, version: told ? { major, minor, patch, build } : undefined };
}

const magicAt = (bytes: Uint8Array, at: number): PlanHeader["magic"] | undefined => magics.find((magic) => [...magic].every((c, i) => bytes[at + i] === c.charCodeAt(0)));

/** Where the JSON text ends; 0 when there is none. */
function jsonEnd(bytes: Uint8Array): number {
  if (bytes.length < 5 || bytes[4] !== "{".charCodeAt(0)) return 0;
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
  return 4 + length + 4 <= bytes.length ? 4 + length : 0;
}
