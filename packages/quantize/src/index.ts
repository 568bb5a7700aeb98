/** Post-training and quantization-aware integer, weight-only and reduced-float models. */
export * from "./errors.ts";
export * from "./params.ts";
export * from "./quantize-tensor.ts";
export * from "./blocked.ts";
