/** Post-training and quantization-aware integer, weight-only and reduced-float models. */
export * from "./errors.ts";
export * from "./params.ts";
export * from "./quantize-tensor.ts";
export * from "./blocked.ts";
export * from "./spec.ts";
export * from "./plan.ts";
export { placement, staticOpTypes, type Placement } from "./placement.ts";
export * from "./select.ts";
export { emitQdq, finalParams, resolveParams, type EmitOptions, type QdqResult } from "./qdq.ts";
export { addToHistogram, histogramEdges, type Histogram } from "./calibrate/histogram.ts";
export * from "./calibrate/entropy.ts";
export * from "./calibrate/choose.ts";
export * from "./calibrate/statistics.ts";
export * from "./calibrate/run.ts";
export * from "./calibrate/cache.ts";
export * from "./dynamic/options.ts";
export { rewriteDynamic, type DynamicResult } from "./dynamic/rewrite.ts";
export * from "./targets.ts";
export { staticOptions, dynamicOptions, searchOptions, autoOptions, type StaticOptions, type StaticOptionsInput, type DynamicTechniqueOptions } from "./options.ts";
export * from "./saturation.ts";
export {
  applyStatic, calibrate, planStatic, quantizeStatic, rangesOf, reachedOnly, rebalance, simplifyFirst, type StaticPlan, type StaticReport, type StaticResult, type StaticServices,
} from "./static.ts";
export { fuseToQOperator } from "./qoperator.ts";
export * from "./dynamic.ts";
export * from "./technique.ts";
export { whyFloat, type Reason } from "./verify/reasons.ts";
export * from "./verify/fusion.ts";
export * from "./tail.ts";
export * from "./accuracy/noise.ts";
export * from "./accuracy/tensors.ts";
export { nodeSensitivity, type NodeSensitivity, type SensitivityOptions } from "./accuracy/sensitivity.ts";
export * from "./accuracy/search.ts";
export { channelStatistics, type ChannelOptions, type ChannelStatistics } from "./accuracy/channels.ts";
export { equalizeLayers } from "./accuracy/equalize.ts";
export { smoothActivations, type SmoothResult } from "./accuracy/smooth.ts";
export { addMissingBiases, correctBiases } from "./accuracy/bias-correction.ts";
export { learnRounding, type AdaRoundOptions, type AdaRoundServices, type LearnedRounding, type RoundedLayer } from "./accuracy/adaround/learn.ts";
export { optimizeRounding, type OptimizeOptions, type Rounding } from "./accuracy/adaround/optimize.ts";
export { soft as rectifiedSigmoid, softLoss, type LossSettings, type RoundingProblem, type SoftLoss, type TimesGram } from "./accuracy/adaround/loss.ts";
export { dequantize } from "./accuracy/dequantize.ts";
export * from "./auto.ts";
// Weight-only formats, float16 and packages.
export * from "./weight-only/index.ts";
export * from "./float16/index.ts";
export { packageErrors } from "./package/errors.ts";
export { quantizeAware, type QatOptions, type QatResult, type QatServices } from "./qat/train.ts";
export { qatOptions, quantizeAwareTraining } from "./qat/technique.ts";
