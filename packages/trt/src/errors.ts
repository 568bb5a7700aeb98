import { defineErrors } from "@lathe/core";

export const trtErrors = defineErrors({
  TRT_OPTION: {
    text: (d: { option: string; expected: string; received: string }) => `Option "${d.option}" must be ${d.expected}; ${d.received} came.`,
    remedy: "Correct the option; docs/packages/trt.md lists them.",
  },
  TRT_VERSION: {
    text: (d: { received: string }) => `"${d.received}" is no release of TensorRT that the check covers.`,
    remedy: "Give 10 or 11, or a release such as 10.3; older ones differ too much.",
  },
  TRT_CACHE: {
    text: (d: { line: number; reason: string }) => `The calibration cache is not sound at line ${d.line}: ${d.reason}.`,
    remedy: "Give the text that TensorRT's calibrator wrote: a line TRT-<version>-<algorithm>, then <tensor>: <8 hex digits> for each tensor.",
  },
  TRT_CACHE_FOREIGN: {
    text: (d: { wanted: readonly string[]; held: readonly string[] }) =>
      `The calibration cache is not of this model: it lacks ${d.wanted.map((n) => `"${n}"`).join(", ")}, and begins with ${d.held.map((n) => `"${n}"`).join(", ") || "nothing"}.`,
    remedy: "Give the model that the cache was made with; tensors must have kept their names.",
  },
  TRT_PROFILE: {
    text: (d: { reason: string }) => `The optimization profile does not fit the model: ${d.reason}.`,
    remedy: "Give min, opt and max sizes for each dynamic dimension of each input; `profileFor` makes a profile from sizes by symbol.",
  },
  TRT_PROFILE_SYMBOL: {
    text: (d: { symbol: string; known: readonly string[] }) => `No input of the model has the symbolic dimension "${d.symbol}" (there are: ${d.known.join(", ") || "none"}).`,
    remedy: "Name a symbol of an input; a dimension without a name is called by its input and axis, such as x.0.",
  },
});
