import { defineErrors } from "@lathe/core";

export const weightOnlyErrors = defineErrors({
  WEIGHT_ONLY_COMBINATION: {
    text: (d: { node: string; reason: string }) => `The options do not fit together for ${d.node}: ${d.reason}.`,
    remedy: "See the table of formats and algorithms in the documentation of quantize-weights.",
  },
  WEIGHT_ONLY_NOTHING: {
    text: (d: { seen: number; reasons: string }) => `No weight was quantized; ${d.seen} candidates were looked at${d.reasons ? ` (${d.reasons})` : ""}.`,
    remedy: "Check nodes, excludeNodes and minElements; only MatMul, Gemm and Gather with a constant matrix can be quantized.",
  },
  WEIGHT_ONLY_ACTIVATION: {
    text: (d: { tensor: string; expected: number; received: string }) => `Activation "${d.tensor}" has shape [${d.received}], but its last dimension should be ${d.expected}.`,
    remedy: "Check the calibration samples against the model's inputs.",
  },
  WEIGHT_ONLY_BRANCH: {
    text: (d: { algorithm: string; node: string; tensor: string; count: number }) =>
      `${d.algorithm} cannot see activation "${d.tensor}" of node "${d.node}", which is computed inside a branch or a loop body; there are ${d.count} such products.`,
    remedy: "Set `plainBranches` to round these products without data, exclude them with `excludeNodes`, or take algorithm hqq or k-quant.",
  },
  WEIGHT_ONLY_HESSIAN: {
    text: (d: { tensor: string }) => `The products of activation "${d.tensor}" give no positive definite matrix, even when damped.`,
    remedy: "The activations hold NaN or infinity, or damping is too small: check the data or raise `damping`.",
  },
});
