import { defineErrors } from "@lathe/core";

export const quantizeErrors = defineErrors({
  QUANT_TYPE: {
    text: (d: { dtype: string; option: string }) => `${d.dtype} is not a quantized type that ${d.option} accepts.`,
    remedy: "Use one of int8, uint8, int16, uint16, int4, uint4, float8e4m3fn, float8e5m2.",
  },
  QUANT_OPTION: {
    text: (d: { option: string; reason: string }) => `Option ${d.option} is not valid: ${d.reason}.`,
    remedy: "See the options in the docs page of the package; their types say what is allowed.",
  },
  QUANT_COMBINATION: {
    text: (d: { activation: string; weight: string; reason: string }) =>
      `${d.activation} activations with ${d.weight} weights cannot be used together: ${d.reason}.`,
    remedy: "Use uint8 activations with int8 weights on x64, int8 with int8 on arm64.",
  },
  QUANT_RANGE_MISSING: {
    text: (d: { tensor: string }) => `No calibration range for tensor "${d.tensor}".`,
    remedy: "Calibrate with data that reaches this tensor, or give its range in `ranges`.",
  },
  QUANT_RANGE_NOT_FINITE: {
    text: (d: { tensor: string; min: number; max: number }) => `Tensor "${d.tensor}" has the range [${d.min}, ${d.max}], which is not finite.`,
    remedy: "The model gives NaN or infinity on the calibration data: check the preprocessing, or exclude the node that makes it.",
  },
  QUANT_WEIGHT_NOT_FINITE: {
    text: (d: { tensor: string }) => `Weight "${d.tensor}" holds NaN or infinity.`,
    remedy: "The file is damaged or training diverged: export the model again.",
  },
  QUANT_CALIBRATION_EMPTY: {
    text: () => "The calibration set is empty.",
    remedy: "Give at least one sample; 100 to 500 that look like production data work well.",
  },
  QUANT_CACHE: {
    text: (d: { reason: string }) => `The calibration cache cannot be read: ${d.reason}.`,
    remedy: "Delete it and calibrate again.",
  },
  QUANT_NOTHING_TO_DO: {
    text: (d: { types: string; declined?: { readonly node: string; readonly reason: string } | undefined }) =>
      `The model has no node that can be quantized (looked for ${d.types}${d.declined ? `; "${d.declined.node}" stays float: ${d.declined.reason}` : ""}).`,
    remedy: "Check nodes, excludeNodes and opTypes; `bodies` reaches into If, Loop and Scan.",
  },
  QUANT_ALREADY: {
    text: (d: { node: string }) => `The model is quantized already (node "${d.node}").`,
    remedy: "Quantize the float model instead.",
  },
  QUANT_PARAM_COUNT: {
    text: (d: { tensor: string; expected: number; received: number }) => `Tensor "${d.tensor}" needs ${d.expected} scales but ${d.received} were given.`,
    remedy: "Give one {scale, zeroPoint} per channel, or one with `axis: null`.",
  },
  QUANT_UNKNOWN_NAME: {
    text: (d: { option: string; name: string }) => `${d.option} names "${d.name}", which the model does not have.`,
    remedy: "Check the spelling against `lathe inspect`; names are those of the model as given.",
  },
  QUANT_FLOAT16: {
    text: (d: { tensor: string; dtype: string }) => `Weight "${d.tensor}" is ${d.dtype}; integer quantization starts from float32.`,
    remedy: "Use the float32 export of the model, or cast its weights to float32 first.",
  },
  QUANT_SLOWER: {
    text: (d: { floatMs: number; quantizedMs: number; float: number; reason: string | undefined }) =>
      `The quantized model takes ${d.quantizedMs.toFixed(2)} ms, the float one ${d.floatMs.toFixed(2)} ms; ${d.float} heavy nodes stay float${d.reason ? ` (the first because ${d.reason})` : ""}.`,
    remedy: "See the reasons in the fusion report, choose another target, or keep the float model.",
  },
  QUANT_BUDGET: {
    text: (d: { maxDrop: number; drop: number; excluded: number; worst: string }) =>
      `No setting keeps the loss within ${d.maxDrop}: the nearest loses ${d.drop.toFixed(4)} with ${d.excluded} nodes in float (most sensitive: "${d.worst}").`,
    remedy: "Raise maxDrop or maxExcluded, calibrate with more data, or use training-aware quantization.",
  },
  QUANT_SCORE: {
    text: () => "The evaluation gives NaN for the float model, so that nothing can be compared with it.",
    remedy: "Check the evaluation and its data: a share of right answers, or another number that is higher for better models, is expected.",
  },
  QUANT_ROUNDED: {
    text: (d: { tensor: string; expected: string; received: string }) => `The rounding of weight "${d.tensor}" gave ${d.received}, but ${d.expected} is needed.`,
    remedy: "Give integer values of the quantized type and of the weight's shape.",
  },
  QUANT_AXIS: {
    text: (d: { tensor: string; axis: number; rank: number }) => `Axis ${d.axis} is outside tensor "${d.tensor}" of rank ${d.rank}.`,
    remedy: "Give an axis between -rank and rank - 1.",
  },
});
