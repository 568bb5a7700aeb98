/** TensorRT's tools as child processes, and the engines they build. */
export { openTensorRT, type OpenOptions } from "./tensorrt.ts";
export { listGpus } from "./gpus.ts";
export { readPlanHeader } from "./plan-file.ts";
export { engineIdentity, engineKey, engineTarget } from "./identity.ts";
export { openEngineStore, type EngineStore, type StoredEngine, type StoreOptions } from "./store.ts";
export { compareEngine, type CompareEngineOptions } from "./compare-engine.ts";
export { buildEngine, tensorrtService, type BuildEngineServices } from "./build-engine.ts";
