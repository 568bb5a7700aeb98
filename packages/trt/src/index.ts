/** Makes models ready for TensorRT. What spawns its tools and touches files is in `@lathe/trt/node`. */
export * from "./errors.ts";
export * from "./engine/index.ts";
