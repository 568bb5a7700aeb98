/**
 * float32 models in float16 or bfloat16. Each node is judged by its operator's signature: what may be 16 bits wide becomes so, the
 * rest stays float32, and a Cast stands wherever the two meet. Values between two float32 nodes stay float32.
 */
import { inferShapes, inlineFunctions, passContext, type Model } from "@lathe/core";
import { freezeDefaults, liftConstants, uniqueNames } from "../prepare.ts";
import { checkNames } from "../select.ts";
import { Converter } from "./converter.ts";
import { float16Options, type Float16Input, type Float16Options } from "./options.ts";
import { wideValues } from "./ranges.ts";
import type { Float16Report, Float16Services } from "./report.ts";

/** Converts a copy; the given model stays as it is. @throws what applyFloat16 throws */
export async function convertFloat16(model: Model, options: Float16Input = {}, services: Float16Services = {}): Promise<{ model: Model; report: Float16Report }> {
  const copy = model.clone();
  return { model: copy, report: await applyFloat16(copy, float16Options.parse(options), services) };
}

/** Converts in place. @throws FLOAT16_NOTHING, FLOAT16_IO_NAME, FLOAT16_SERVICES, QUANT_UNKNOWN_NAME, QUANT_CALIBRATION_EMPTY, QUANT_RANGE_NOT_FINITE */
export async function applyFloat16(model: Model, options: Float16Options, services: Float16Services = {}): Promise<Float16Report> {
  await inlineFunctions.run(model, passContext());
  freezeDefaults(model.graph);
  liftConstants(model.graph);
  uniqueNames(model.graph);
  inferShapes(model);
  checkNames(model.graph, { excludeNodes: options.excludeNodes });
  const wide = options.checkRanges ? await wideValues(model, options, services) : new Set<string>();
  return new Converter(model, options, wide, services.keep).run();
}
