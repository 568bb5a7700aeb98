/** TensorRT's tools as child processes, and the engines they build. */
export { openTensorRT, type BenchReport, type BuildReport, type InspectReport, type OpenOptions, type Probe, type TensorRT } from "./tensorrt.ts";
export type { CallOptions } from "./run-tool.ts";
export { listGpus, type Gpu } from "./gpus.ts";
export { readPlanHeader, type PlanFile } from "./plan-file.ts";
