/** What the command offers. A host may pass others to `createProgram`. */
import { simplify, type AnyTechnique } from "@lathe/core";
import { distillation } from "@lathe/distill";
import { clusterWeights, pruneBlocks, pruneChannels, pruneOneShot, pruneSearch, pruneWeights } from "@lathe/prune";
import { autoQuantize, convertToFloat16, dynamicQuantize, quantizeAwareTraining, quantizeSearch, quantizeWeights, staticQuantize } from "@lathe/quantize";
import { finetune } from "@lathe/train";
import { trtFp16, trtFp8, trtInt8 } from "@lathe/trt";

export const standardTechniques: readonly AnyTechnique[] = [simplify, staticQuantize, dynamicQuantize, autoQuantize, quantizeSearch, quantizeWeights, convertToFloat16, pruneChannels, pruneBlocks, pruneSearch, pruneWeights, pruneOneShot, clusterWeights, finetune, distillation, quantizeAwareTraining, trtInt8, trtFp8, trtFp16];
