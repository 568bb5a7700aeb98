/** The techniques of Lathe's own packages. A module like this, exporting techniques, is what `createGateway` takes. */
export { iterate, simplify } from "@lathe/core";
export { clusterWeights, pruneChannels, pruneOneShot, pruneSearch, pruneWeights } from "@lathe/prune";
export { autoQuantize, convertToFloat16, dynamicQuantize, quantizeSearch, quantizeWeights, staticQuantize } from "@lathe/quantize";
