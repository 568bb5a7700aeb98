/** A release of TensorRT. A part that is not known is 0. */
export type TensorRTVersion = { readonly major: number; readonly minor: number; readonly patch: number };

/** The tools that are driven: `trtexec` of TensorRT, `tensorrt_rtx` of TensorRT for RTX. */
export type ToolKind = "trtexec" | "tensorrt_rtx";

/** A tool of a known release. */
export interface Tool {
  readonly kind: ToolKind;
  readonly version: TensorRTVersion;
}

/** The oldest release of each tool whose options are known here. */
export const oldest: Readonly<Record<ToolKind, string>> = { trtexec: "8.6", tensorrt_rtx: "1.0" };

/**
 * Reads "10.13.3" or the integer of trtexec's banner. TensorRT 10 and newer print major * 10000 + minor * 100 + patch
 * ("v101303"), older ones major * 1000 + minor * 100 + patch ("v8601"); undefined when the text is neither.
 */
export function parseVersion(text: string): TensorRTVersion | undefined {
  const dotted = /^v?(\d{1,2})\.(\d{1,3})(?:\.(\d{1,3}))?(?:\.\d+)?$/.exec(text);
  if (dotted) return { major: Number(dotted[1]), minor: Number(dotted[2]), patch: Number(dotted[3] ?? 0) };
  const digits = /^v?(\d{4,6})$/.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const number = Number(digits);
  return fromInteger(number, number >= 100_000 ? 10_000 : 1_000);
}

/** TensorRT for RTX began at 1.0 with the newer counting: "v10400" is 1.4. */
export function parseRtxVersion(text: string): TensorRTVersion | undefined {
  const digits = /^v?(\d{5,6})$/.exec(text)?.[1];
  return digits === undefined ? parseVersion(text) : fromInteger(Number(digits), 10_000);
}

const fromInteger = (number: number, unit: number): TensorRTVersion => ({ major: Math.floor(number / unit), minor: Math.floor((number % unit) / 100), patch: number % 100 });

/** Below 0 when `version` is older than `other` ("10.12"); patches do not count unless given. */
export function compareVersion(version: TensorRTVersion, other: string): number {
  const [major = 0, minor = 0, patch] = other.split(".").map(Number);
  return version.major - major || version.minor - minor || (patch === undefined ? 0 : version.patch - patch);
}

export const versionText = ({ major, minor, patch }: TensorRTVersion): string => `${major}.${minor}${patch === 0 ? "" : `.${patch}`}`;

/** "TensorRT 10.13.3", as messages call a tool. */
export const toolText = ({ kind, version }: Tool): string => `${kind === "tensorrt_rtx" ? "TensorRT for RTX" : "TensorRT"} ${versionText(version)}`;

/** A tool from text, "10.13" or "rtx-1.4", as options and command lines give it; undefined when it cannot be read. */
export function parseTool(text: string): Tool | undefined {
  const rtx = text.startsWith("rtx-");
  const name = rtx ? text.slice(4) : text;
  const version = /^\d{1,2}$/.test(name) ? { major: Number(name), minor: 0, patch: 0 } : rtx ? parseRtxVersion(name) : parseVersion(name);
  return version && { kind: rtx ? "tensorrt_rtx" : "trtexec", version };
}
