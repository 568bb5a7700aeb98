/** The techniques of Lathe's own packages. A module like this, exporting techniques, is what `createGateway` takes. */
export { iterate, search, simplify } from "@lathe/core";
export { distillation } from "@lathe/distill";
export { clusterWeights, pruneBlocks, pruneChannels, pruneOneShot, pruneSearch, pruneWeights } from "@lathe/prune";
export { autoQuantize, convertToFloat16, dynamicQuantize, quantizeAwareTraining, quantizeSearch, quantizeWeights, staticQuantize } from "@lathe/quantize";
export { finetune } from "@lathe/train";
export { trtFp16, trtFp8, trtInt8 } from "@lathe/trt";
