import { defineErrors } from "@lathe/core";

export const packageErrors = defineErrors({
  PACKAGE_NAME: {
    text: (d: { name: string }) => `"${d.name}" is no name for a model in a package: letters, digits, dots, dashes and underscores are.`,
    remedy: 'Use the names that the library looks for: "model", "encoder_model", "decoder_model_merged" ...',
  },
  PACKAGE_EMPTY: {
    text: (d: { reasons: string }) => `No file of the package could be made (${d.reasons}).`,
    remedy: "Start from a float32 model, or choose other dtypes.",
  },
  PACKAGE_FAILS: {
    text: (d: { file: string; runtime: string; reason: string }) => `${d.file} does not run in ${d.runtime}: ${d.reason}`,
    remedy: "Give inputs that fit the model in `feeds`, leave this dtype out, or choose other runtimes to verify with.",
  },
  PACKAGE_ACCURACY: {
    text: (d: { file: string; runtime: string; output: string; sqnr: number; least: number }) =>
      `Output "${d.output}" of ${d.file} in ${d.runtime} has a signal to noise ratio of ${d.sqnr.toFixed(1)} dB; at least ${d.least} is asked for.`,
    remedy: "Leave this dtype out, lower minSqnr, or improve the model first (quantize-weights with gptq, quantize-search).",
  },
});
