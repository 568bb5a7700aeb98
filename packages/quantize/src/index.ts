/** Post-training and quantization-aware integer, weight-only and reduced-float models. */
export * from "./errors.ts";
export * from "./params.ts";
export * from "./quantize-tensor.ts";
export * from "./blocked.ts";
export * from "./spec.ts";
export * from "./plan.ts";
export { placement, staticOpTypes, type Placement } from "./placement.ts";
export * from "./select.ts";
export { emitQdq, resolveParams, type EmitOptions, type QdqResult } from "./qdq.ts";
export * from "./calibrate/histogram.ts";
export * from "./calibrate/entropy.ts";
export * from "./calibrate/choose.ts";
export * from "./calibrate/statistics.ts";
export * from "./calibrate/run.ts";
export * from "./calibrate/cache.ts";
export * from "./dynamic/options.ts";
export { rewriteDynamic, type DynamicResult } from "./dynamic/rewrite.ts";
