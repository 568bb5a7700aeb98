/** The lathe command: inspect, optimize, prune, quantize and compare ONNX models. */
export const packageName = "@lathe/cli";
