/** Runs, profiles and compares models on ONNX Runtime in Node. For browsers see `@lathe/ort/web`. */
export { ortErrors } from "./errors.ts";
export type { ExecutionProvider, LogLevel, OnWarning, OrtLoadOptions } from "./options.ts";
export { ortRuntime, type OrtRuntime, type OrtRuntimeOptions, type PlacementKind } from "./runtime.ts";
export type { OrtModule } from "./engine/engine.ts";
