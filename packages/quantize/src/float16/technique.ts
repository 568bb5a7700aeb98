import { defineTechnique, floatWeights, verified } from "@lathe/core";
import { applyFloat16 } from "./convert.ts";
import { float16Options } from "./options.ts";

/**
 * Weights and arithmetic in float16 or bfloat16, float32 where an operator or its values need it.
 * @example pipeline(convertToFloat16({ keepIo: true })).run(model)
 */
export const convertToFloat16 = defineTechnique({
  name: "convert-float16",
  summary: "Weights and arithmetic in float16 or bfloat16, float32 where an operator or its values need it.",
  options: float16Options,
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    const services = options.checkRanges ? { runtime: ctx.need("runtime"), data: ctx.need("data") } : {};
    const onSample = (done: number): void => ctx.progress({ done, total: options.samples, message: "checking ranges" });
    await ctx.turn();
    const { kept, ...metrics } = await applyFloat16(model, options, { ...services, signal: ctx.signal, onSample });
    return { metrics, details: { kept } };
  },
});
