import { defineErrors } from "@lathe/core";

export const trtErrors = defineErrors({
  TRT_OPTION: {
    text: (d: { option: string; expected: string; received: string }) => `Option "${d.option}" must be ${d.expected}; ${d.received} came.`,
    remedy: "Correct the option; docs/packages/trt.md lists them.",
  },
});
