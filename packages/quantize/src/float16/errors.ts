import { defineErrors } from "@lathe/core";

export const float16Errors = defineErrors({
  FLOAT16_NOTHING: {
    text: (d: { reasons: string }) => `No node can compute in 16 bits${d.reasons ? ` (${d.reasons})` : ""}.`,
    remedy: "Check keepOpTypes and excludeNodes, and whether the model has float32 values at all.",
  },
  FLOAT16_IO_NAME: {
    text: (d: { name: string }) => `keepIoNames has "${d.name}", which is neither an input nor an output of the model.`,
    remedy: "Check the spelling against `lathe inspect`.",
  },
  FLOAT16_SERVICES: {
    text: () => "checkRanges needs calibration data and a runtime, and one of them is missing.",
    remedy: "Give both, or leave checkRanges out.",
  },
});
