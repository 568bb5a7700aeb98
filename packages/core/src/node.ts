/** The model graph, the ONNX codec, the operator table, passes, and the technique and pipeline contract. */
export const packageName = "@lathe/core";
