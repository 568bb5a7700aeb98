/** The techniques for pipelines, recipes and hosts. */
import { defineTechnique, floatWeights, verified, type Json } from "@lathe/core";
import { applyDynamic } from "./dynamic.ts";
import { dynamicOptions, staticOptions } from "./options.ts";
import { quantizeStatic } from "./static.ts";

/**
 * Integer weights and activations, with ranges learnt from calibration data.
 * @example pipeline(staticQuantize({ target: "x64-vnni", method: "entropy" })).run(model, { data, runtime })
 */
export const staticQuantize = defineTechnique({
  name: "quantize-static",
  summary: "Integer weights and activations, with ranges learnt from calibration data.",
  options: staticOptions,
  needs: ["data", "runtime"],
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    const { data, runtime } = ctx.services;
    const onSample = (done: number): void => ctx.progress({ done, total: options.samples, message: "calibrating" });
    const { model: quantized, report } = await quantizeStatic(model, options, { data, runtime, signal: ctx.signal, onSample });
    const { reasons, ...metrics } = report;
    return { model: quantized, metrics, details: { reasons } };
  },
});

/**
 * Integer weights; activations are quantized while the model runs. Needs no data.
 * @example pipeline(dynamicQuantize()).run(model)
 */
export const dynamicQuantize = defineTechnique({
  name: "quantize-dynamic",
  summary: "Integer weights; activations are quantized while the model runs. Needs no data.",
  options: dynamicOptions,
  expects: [floatWeights],
  ensures: [verified],
  apply(model, options) {
    const { quantized, activations, weights } = applyDynamic(model, options);
    return { metrics: { activations, weights }, details: { quantized } satisfies Json };
  },
});
