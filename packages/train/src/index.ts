/** Gradients as ordinary ONNX nodes, losses, optimizers and the training loop. */
export { trainErrors } from "./errors.ts";
export { backward, type BackwardOptions } from "./grad/backward.ts";
export { trainOps } from "./grad/ops.ts";
export * from "./step/losses.ts";
export * from "./step/optimizers.ts";
export * from "./step/schedules.ts";
export { isParameter, parametersOf } from "./step/parameters.ts";
export { gradient, type GradientModel, type GradientOptions } from "./grad/gradient.ts";
export { LOSS } from "./step/prepare.ts";
export { trainingStep, LEARNING_RATE, type Carried, type StepOptions, type TrainingStep } from "./step/graph.ts";
export { Trainer, type StepResult, type TrainerState } from "./loop/trainer.ts";
export { ModelBuilder, gaussian, type BuilderOptions, type Uniform } from "./models/builder.ts";
export * from "./models/cnn.ts";
export * from "./models/transformer.ts";
export { decodeTensors, encodeTensors, type TensorFile } from "./checkpoint/safetensors.ts";
