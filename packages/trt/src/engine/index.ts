/** What is known of TensorRT's tools, in pure functions. */
export { compareVersion, parseTool, parseVersion, toolText, versionText, type TensorRTVersion, type Tool, type ToolKind } from "./version.ts";
export { engineErrors, type RunDetails } from "./errors.ts";
export * from "./spec.ts";
export type { BenchOptions } from "./bench-options.ts";
export { benchArgs, buildArgs, checkSpec, inspectArgs, type BenchFiles, type BuildFiles } from "./command.ts";
export { shapeSpec } from "./shapes.ts";
