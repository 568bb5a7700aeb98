/**
 * The INT8 calibration cache of TensorRT up to 10: a line `TRT-<version>-<algorithm>`, then for each tensor `<name>: <8 hex digits>`, the bits of
 * its float32 scale, most significant first. The range of the tensor is 127 scales to either side. TensorRT 11 no longer reads it.
 */
import { parseVersion, type TensorRTVersion } from "../engine/version.ts";
import { trtErrors } from "../errors.ts";

export interface CalibrationCache {
  /** The first line, such as "TRT-100300-EntropyCalibration2". */
  readonly header: string;
  /** Scale of each tensor, a float32 value above 0, in the order of the file. */
  readonly scales: ReadonlyMap<string, number>;
}

const HEADER = /^TRT-(\d+)-(\w+)$/;
const ENTRY = /^(.*): ([0-9a-fA-F]{8})$/;

const bits = new DataView(new ArrayBuffer(4));
const scaleOf = (hex: string): number => (bits.setUint32(0, Number.parseInt(hex, 16)), bits.getFloat32(0));
const hexOf = (scale: number): string => (bits.setFloat32(0, scale), bits.getUint32(0).toString(16).padStart(8, "0"));

/**
 * Reads a cache. Lines may end with a carriage return, and empty ones are skipped. Names may hold colons.
 * @throws TRT_CACHE naming the line
 */
export function decodeCalibrationCache(text: string): CalibrationCache {
  const [header = "", ...lines] = text.split("\n").map((line) => line.replace(/\r$/, ""));
  if (!HEADER.test(header)) throw trtErrors.TRT_CACHE({ line: 1, reason: `it begins with "${header.slice(0, 60)}" in place of "TRT-<version>-<algorithm>"` });
  const scales = new Map<string, number>();
  for (const [i, line] of lines.entries()) {
    if (line === "") continue;
    const [, name, hex] = ENTRY.exec(line) ?? [];
    if (name === undefined || hex === undefined) throw trtErrors.TRT_CACHE({ line: i + 2, reason: `"${line.slice(0, 60)}" is not of the form "<tensor>: <8 hex digits>"` });
    if (scales.has(name)) throw trtErrors.TRT_CACHE({ line: i + 2, reason: `"${name}" stands there twice` });
    scales.set(name, checkedScale(scaleOf(hex), name, i + 2));
  }
  return { header, scales };
}

/** Writes a cache, byte for byte as TensorRT does. @throws TRT_CACHE for scales that are not positive, and names with line breaks */
export function encodeCalibrationCache({ header, scales }: CalibrationCache): string {
  if (!HEADER.test(header)) throw trtErrors.TRT_CACHE({ line: 1, reason: `the header "${header.slice(0, 60)}" is not "TRT-<version>-<algorithm>"` });
  let text = `${header}\n`;
  let line = 2;
  for (const [name, scale] of scales) {
    if (/[\r\n]/.test(name)) throw trtErrors.TRT_CACHE({ line, reason: `the name ${JSON.stringify(name)} holds a line break` });
    text += `${name}: ${hexOf(checkedScale(scale, name, line++))}\n`;
  }
  return text;
}

function checkedScale(scale: number, name: string, line: number): number {
  const stored = Math.fround(scale);
  if (!(stored > 0 && Number.isFinite(stored))) throw trtErrors.TRT_CACHE({ line, reason: `"${name}" has the scale ${scale}` });
  return stored;
}

/** What the first line says. */
export function cacheOrigin({ header }: CalibrationCache): { readonly version: TensorRTVersion | undefined; readonly algorithm: string } {
  const [, version = "", algorithm = ""] = HEADER.exec(header) ?? [];
  return { version: parseVersion(version), algorithm };
}

/** The first line of a cache for a release. */
export const cacheHeader = ({ major, minor, patch }: TensorRTVersion, algorithm: string): string =>
  `TRT-${major >= 10 ? major * 10_000 + minor * 100 + patch : major * 1000 + minor * 100 + patch}-${algorithm}`;
