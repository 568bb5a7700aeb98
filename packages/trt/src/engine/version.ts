/** A release of TensorRT. A part that is not known is 0. */
export type TensorRTVersion = { readonly major: number; readonly minor: number; readonly patch: number };

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
  const unit = number >= 100_000 ? 10_000 : 1_000;
  return { major: Math.floor(number / unit), minor: Math.floor((number % unit) / 100), patch: number % 100 };
}
