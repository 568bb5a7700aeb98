/**
 * What `@lathe/ort` is in a browser bundle (export condition "browser"): everything that needs no Node. The rest is there by name and
 * refuses with ORT_NODE_ONLY, so that packages which may use it load.
 */
import { ortErrors } from "./errors.ts";

export { ortErrors } from "./errors.ts";
export { webRuntime, type WebRuntimeOptions } from "./web.ts";
export { timeInTurns, type Timing, type TurnsOptions } from "./measure/turns.ts";
export { difference, DifferenceMeter, type TensorDifference } from "./measure/difference.ts";
export { withOutputs } from "./measure/outputs.ts";
export { eachSample, type Samples } from "./measure/samples.ts";
export { randomFeeds, randomTensor, type RandomFeedsOptions } from "./feeds.ts";

const nodeOnly = (name: string) => (): never => {
  throw ortErrors.ORT_NODE_ONLY({ name });
};

export const ortRuntime = nodeOnly("ortRuntime");
export const benchmark = nodeOnly("benchmark");
export const compare = nodeOnly("compare");
export const profile = nodeOnly("profile");
export const optimizedGraph = nodeOnly("optimizedGraph");
