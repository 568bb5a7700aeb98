/** TensorRT's tools as child processes. */
export type { TensorRTVersion } from "./version.ts";
