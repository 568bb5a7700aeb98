/** A calibration cache for TensorRT 10 from ranges of our own: observed on ONNX Runtime, no GPU needed. */
import { inferShapes, type Feeds, type Model, type Runtime } from "@lathe/core";
import { chooseRange, needsHistogram, observe, type CalibrationMethod, type Range } from "@lathe/quantize";
import type { TensorRTVersion } from "../engine/version.ts";
import { cacheHeader, type CalibrationCache } from "./format.ts";

export interface CacheOptions {
  /** Release for the first line. Default 10.3. */
  readonly version?: TensorRTVersion | undefined;
  /** Default "entropy", under which TensorRT takes the file for one of its own entropy calibrator. */
  readonly method?: CalibrationMethod | undefined;
}

/** The calibrators that TensorRT knows; by the name in the file it tells whose cache it is. */
const algorithmOf = (method: CalibrationMethod): string => (method === "entropy" ? "EntropyCalibration2" : "MinMaxCalibration");

/** Scales from ranges: the greatest magnitude is 127. Tensors that are always 0 have no scale and are left out. */
export function cacheFromRanges(ranges: ReadonlyMap<string, Range>, options: CacheOptions = {}): CalibrationCache {
  const { version = { major: 10, minor: 3, patch: 0 }, method = "entropy" } = options;
  const scales = new Map<string, number>();
  for (const [name, { min, max }] of ranges) {
    const scale = Math.fround(Math.max(-min, max) / 127);
    if (scale > 0) scales.set(name, scale);
  }
  return { header: cacheHeader(version, algorithmOf(method)), scales };
}

export interface CacheServices {
  readonly runtime: Runtime;
  readonly data: AsyncIterable<Feeds> | Iterable<Feeds>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Observes every float tensor of the main graph on the samples. The model is not changed, so that names in the cache are those of its file.
 * @throws QUANT_CALIBRATION_EMPTY, QUANT_RANGE_NOT_FINITE
 */
export async function calibrationCache(model: Model, services: CacheServices, options: CacheOptions = {}): Promise<CalibrationCache> {
  const { method = "entropy" } = options;
  const typed = model.clone();
  inferShapes(typed);
  const names = new Set([...typed.graph.values()].filter((v) => v.dtype === "float32" && v.name !== "" && !v.constant && !(v.isGraphInput && v.tensor)).map((v) => v.name));
  const observed = await observe(typed, names, { ...services, histogram: needsHistogram(method) });
  const ranges = new Map([...observed.tensors].map(([name, stats]) => [name, chooseRange(stats, { method, symmetric: true, dtype: "int8" })]));
  return cacheFromRanges(ranges, options);
}
