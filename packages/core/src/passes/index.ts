/** Passes over models, and what composes and runs them. */
export * from "./pass.ts";
export * from "./compose.ts";
export { passContext, DEFAULT_MAX_FOLD_BYTES, type PassContextInit } from "./context.ts";
export { passErrors } from "./errors.ts";
export { deadCode } from "./dead-code.ts";
export { constantNodes, foldConstants, FREE_FOLD_BYTES } from "./fold-constants.ts";
export { removeIdentity } from "./remove-identity.ts";
export { removeNoop } from "./remove-noop.ts";
export { foldBatchNorm } from "./fold-batchnorm.ts";
export { foldAffine } from "./fold-affine.ts";
export * from "./opset/index.ts";
export { inferTypes, shapeConstants } from "./infer-pass.ts";
export { freezeDefaults } from "./freeze-defaults.ts";
export { pruneFunctions, pruneOpsets } from "./prune-imports.ts";
export { evaluateWith } from "./evaluate-with.ts";
export { simplifyModel, simplifyPasses, type SimplifyOptions, type SimplifyReport, type PassReport } from "./simplify.ts";
