import { defineTechnique, floatWeights, verified } from "@lathe/core";
import { learns } from "./learn.ts";
import { weightOnlyOptions } from "./options.ts";
import { applyWeightOnly } from "./weight-only.ts";

/**
 * Weights of matrix products in 2, 4 or 8 bits; activations stay float.
 * @example pipeline(quantizeWeights({ bits: 4, headBits: 8, target: "x64-vnni" })).run(model)
 */
export const quantizeWeights = defineTechnique({
  name: "quantize-weights",
  summary: "Weights of matrix products and embeddings in 2, 4 or 8 bits; activations stay float.",
  options: weightOnlyOptions,
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    const services = learns(options) ? { runtime: ctx.need("runtime"), data: ctx.need("data") } : {};
    const onWeight = async (done: number, total: number, name: string): Promise<void> => {
      ctx.progress({ done, total, message: name });
      await ctx.turn();
    };
    const { left, reasons, alphas, ...metrics } = await applyWeightOnly(model, options, { ...services, signal: ctx.signal, onWeight });
    return { metrics, details: { left, reasons, alphas } };
  },
});
