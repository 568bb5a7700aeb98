/** What spawns TensorRT's tools and touches files. */
export * from "./engine/node/index.ts";
