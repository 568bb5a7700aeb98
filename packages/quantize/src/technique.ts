/** The techniques for pipelines, recipes and hosts. */
import { defineTechnique, floatWeights, verified, type Json } from "@lathe/core";
import { searchQuantize, type Trial } from "./accuracy/search.ts";
import { tensorNoise } from "./accuracy/tensors.ts";
import { chooseScheme } from "./auto.ts";
import { applyDynamic } from "./dynamic.ts";
import { autoOptions, dynamicOptions, searchOptions, staticOptions, type StaticOptionsInput } from "./options.ts";
import { quantizeStatic } from "./static.ts";
import { verifyFusion } from "./verify/fusion.ts";

/** Tensors whose noise the report lists. */
const NOISIEST = 20;
/** Tensors whose histograms it holds. */
const PICTURED = 100;

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
    const onLayer = (done: number, total: number, layer: string): void => ctx.progress({ done, total, message: `rounding of ${layer}` });
    const made = await quantizeStatic(model, options, { data, runtime, signal: ctx.signal, random: ctx.random, turn: () => ctx.turn(), onSample, onLayer });
    const { model: quantized, report: { reasons, ...metrics } } = made;
    for (const node of made.unreached) ctx.warn({ code: "QUANT_UNREACHED", node, message: "stays float: no calibration sample reached the body it stands in, or gave anything but zeros there" });
    const rounding = made.rounding && { layers: made.rounding.layers, nearest: made.rounding.nearest };
    const left = made.declined.length > 0 ? { declined: made.declined } : {};
    if (!options.verify && !options.failIfSlower) return { model: quantized, metrics, details: toJson({ reasons, rounding, ...left }) };
    const samples = await data.take(2).toArray();
    const { failIfSlower } = options;
    const fusion = await verifyFusion(quantized, { float: model, feeds: samples[0], failIfSlower, signal: ctx.signal });
    const noise = options.format === "qdq" ? await tensorNoise(model, quantized, runtime, samples, ctx.signal) : [];
    const { integerNodes, speedup } = fusion;
    return {
      model: quantized,
      metrics: { ...metrics, integerNodes, floatNodes: fusion.float.length, ...(speedup ? { speedup } : {}) },
      details: toJson({ reasons, rounding, ...left, fusion, noisiest: noise.slice(0, NOISIEST).map(({ tensor, sqnr }) => ({ tensor, sqnr })), distributions: noise.slice(0, PICTURED).map((n) => n.distribution) }),
    };
  },
});

/**
 * Static quantization within an accuracy budget: tries calibration methods, then leaves the most sensitive nodes in float.
 * @example pipeline(quantizeSearch({ maxDrop: 0.005 })).run(model, { data, runtime, evaluate })
 */
export const quantizeSearch = defineTechnique({
  name: "quantize-search",
  summary: "Integer weights and activations within an accuracy budget, judged by your own evaluation.",
  options: searchOptions,
  needs: ["data", "runtime", "evaluate"],
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, { static: options = {}, ...search }, ctx) {
    const onTrial = (trial: Trial): void => ctx.progress({ done: 1, message: `${trial.method}, ${trial.excluded} nodes float: loss ${trial.drop.toFixed(4)}` });
    const result = await searchQuantize(model, defined(options), search, { ...ctx.services, signal: ctx.signal, random: ctx.random, turn: () => ctx.turn(), onTrial });
    const { best, floatScore, trials, excluded, sensitivity } = result;
    return { model: result.model, metrics: { ...best, floatScore, trials: trials.length }, details: toJson({ trials, excluded, sensitivity }) };
  },
});

/**
 * Times every sensible scheme on the runtime at hand and takes the fastest that stays near the float model.
 * @example pipeline(autoQuantize({ target: "wasm" })).run(model, { data, runtime })
 */
export const autoQuantize = defineTechnique({
  name: "quantize-auto",
  summary: "Times every sensible scheme on the runtime at hand and takes the fastest that stays near the float model.",
  options: autoOptions,
  needs: ["data", "runtime"],
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    const onScheme = (scheme: string): void => ctx.progress({ done: 1, message: scheme });
    const { model: made, chosen, schemes } = await chooseScheme(model, options, { ...ctx.services, signal: ctx.signal, onScheme });
    return { model: made, metrics: { scheme: chosen.name, speedup: chosen.speedup, ms: chosen.ms }, details: toJson(schemes) };
  },
});

/** Without the options that were not given. */
const defined = (options: Readonly<Record<string, unknown>>): StaticOptionsInput => Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined));

/** Plain JSON: infinite decibels become null. */
const toJson = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

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
