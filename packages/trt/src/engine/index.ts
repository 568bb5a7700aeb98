/** What is known of TensorRT's tools, in pure functions. */
export type { TensorRTVersion } from "./version.ts";
export { parseVersion } from "./version.ts";
