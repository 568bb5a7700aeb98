/** The techniques of Lathe's own packages. A module like this, exporting techniques, is what `createGateway` takes. */
export { iterate, simplify } from "@lathe/core";
export { pruneChannels, pruneWeights } from "@lathe/prune";
export { autoQuantize, dynamicQuantize, quantizeSearch, staticQuantize } from "@lathe/quantize";
