/** Which values are too large for 16 bits on calibration data. */
import { dtypes, takeSamples, type Model } from "@lathe/core";
import { observe } from "../calibrate/run.ts";
import { float16Errors } from "./errors.ts";
import type { Float16Options } from "./options.ts";
import type { Float16Services } from "./report.ts";

/** Names of values whose magnitude on the data exceeds the limit. */
export async function wideValues(model: Model, { dtype, limit = dtypes[dtype].max / 2, samples }: Float16Options, { runtime, data, signal, onSample }: Float16Services): Promise<Set<string>> {
  if (!runtime || !data) throw float16Errors.FLOAT16_SERVICES({});
  const names = new Set([...model.graph.values()].filter((v) => v.dtype === "float32" && !v.constant && !v.isUnused).map((v) => v.name));
  const { tensors } = await observe(model, names, { runtime, data: takeSamples(data, samples), signal, onSample: (o) => onSample?.(o.samples) });
  return new Set([...tensors].filter(([, { min, max }]) => Math.max(-min, max) > limit).map(([name]) => name));
}
