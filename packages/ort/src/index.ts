/** Runs, profiles and compares models on ONNX Runtime, in Node and in browsers. */
export const packageName = "@lathe/ort";
