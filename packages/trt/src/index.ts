/** Makes models ready for TensorRT. What spawns its tools and touches files is in `@lathe/trt/node`. */
export * from "./errors.ts";
export * from "./engine/index.ts";
export * from "./profiles/profile.ts";
export * from "./profiles/profile-for.ts";
export { checkTensorRT, type CheckOptions } from "./rules/check.ts";
export { support as operatorSupport, type Support } from "./rules/support.ts";
export { type Limit } from "./rules/limits.ts";
export { passes, type Finding } from "./rules/finding.ts";
export { rules, type Rule, type RuleId, type Severity } from "./rules/catalogue.ts";
export { quantize8Options, quantizeOptions, trtFp8, trtInt8, type QuantizeOptions } from "./precision/quantize.ts";
export { halfKeepOpTypes, halfOptions, trtFp16, type HalfOptions } from "./precision/half.ts";
export { reductionDepth } from "./precision/depth.ts";
export * from "./cache/format.ts";
export * from "./cache/calibrate.ts";
export * from "./cache/migrate.ts";
export * from "./sparsity/two-four.ts";
export * from "./bounds/bounds.ts";
export * from "./bounds/devices.ts";
