/** Runs, profiles and compares models on ONNX Runtime in Node. For browsers see `@lathe/ort/web`. */
export { ortErrors } from "./errors.ts";
export type { ExecutionProvider, LogLevel, OnWarning, OrtLoadOptions } from "./options.ts";
export { ortRuntime, type OrtRuntime, type OrtRuntimeOptions, type PlacementKind } from "./runtime.ts";
export type { OrtModule } from "./engine/engine.ts";
export { benchmark, formatBenchmark, type Benchmark, type BenchmarkOptions } from "./measure/benchmark.ts";
export { timeInTurns, type Timing, type TurnsOptions } from "./measure/turns.ts";
export { compare, type CompareOptions, type Comparison } from "./measure/compare.ts";
export { difference, DifferenceMeter, type TensorDifference } from "./measure/difference.ts";
export { withOutputs } from "./measure/outputs.ts";
export { runAll } from "./measure/run-all.ts";
export { eachSample, type Samples } from "./measure/samples.ts";
export { optimizedGraph, type FloatNode, type GraphNode, type OptimizedGraph } from "./measure/optimized.ts";
export { profile, type NodeTime, type Profile, type ProfileOptions } from "./measure/profile.ts";
export { randomFeeds, randomTensor, type RandomFeedsOptions } from "./feeds.ts";
