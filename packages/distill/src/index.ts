/** Knowledge distillation: small models learn from large ones, both plain ONNX files. */
export { distillErrors } from "./errors.ts";
export { distill, standardTerms, type DistillOptions } from "./distill.ts";
export { task, taughtName, type Term, type TermContext } from "./term.ts";
export { hardTargets, matchLogits, softTargets, type HardTargetOptions, type LogitMatchOptions, type Logits, type SoftTargetOptions } from "./losses/soft-targets.ts";
export { decoupled, type DecoupledOptions } from "./losses/decoupled.ts";
export { correlation, relational, similarity, type CorrelationOptions, type Pair, type RelationalOptions } from "./losses/relations.ts";
export { attentionMaps, attentionTransfer, hiddenCosine, hint, type AttentionTransferOptions, type HintOptions } from "./losses/features.ts";
export { initializeFrom, layerMap, sharedTensors, type InitializeOptions, type Initialized } from "./student.ts";
export { deitTerms, distilBertTerms, resNetTerms, tinyBertTerms, type DistilBertRecipe, type ResNetRecipe, type TinyBertRecipe } from "./recipes.ts";
export { taughtData, type TaughtOptions } from "./teacher.ts";
export { distillation } from "./technique.ts";
