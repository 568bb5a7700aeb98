/** Post-training and quantization-aware integer, weight-only and reduced-float models. */
export const packageName = "@lathe/quantize";
