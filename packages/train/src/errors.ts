import { defineErrors } from "@lathe/core";

export const trainErrors = defineErrors({
  TRAIN_NO_GRADIENT: {
    text: (d: { node: string; op: string }) => `There is no gradient rule for ${d.op} (node "${d.node}"), and a wanted gradient runs through it.`,
    remedy: "Freeze the parameters before it, or add a rule: trainOps.extend([{ domain, name, grad }]).",
  },
  TRAIN_SHAPE_UNKNOWN: {
    text: (d: { node: string; value: string; op: string }) => `The gradient of ${d.op} (node "${d.node}") needs the shape of "${d.value}", which is not known.`,
    remedy: "Give input shapes, or declare the value's shape in the model.",
  },
  TRAIN_UNSUPPORTED: {
    text: (d: { node: string; op: string; what: string }) => `The gradient of ${d.op} (node "${d.node}") does not cover ${d.what}.`,
    remedy: "Rewrite that node, or freeze the parameters before it.",
  },
  TRAIN_UNREACHED: {
    text: (d: { value: string }) => `The loss does not depend on "${d.value}", so it has no gradient.`,
    remedy: "Leave it out of the trained parameters.",
  },
  TRAIN_NO_VALUE: {
    text: (d: { value: string; outputs: readonly string[] }) => `The model has no value named "${d.value}" (its outputs are ${d.outputs.join(", ")}).`,
    remedy: "Name an output or an intermediate value of the model.",
  },
  TRAIN_LOSS_SHAPE: {
    text: (d: { loss: string; value: string; expected: string }) => `The loss ${d.loss} expects "${d.value}" to have ${d.expected}.`,
    remedy: "Choose another output, or give input shapes so that the shape is known.",
  },
  TRAIN_NOT_FINITE: {
    text: (d: { step: number; loss: number; at: string }) => `The loss is ${d.loss} at step ${d.step}: ${d.at}.`,
    remedy: "Lower the learning rate, clip the gradient norm (clipNorm), or check the data for NaN.",
  },
  TRAIN_MISSING_INPUT: {
    text: (d: { input: string; expected: readonly string[] }) => `The batch lacks "${d.input}"; the step needs ${d.expected.join(", ")}.`,
    remedy: "Give every input of the model and every input that the loss added (labels, targets).",
  },
  TRAIN_CHECKPOINT: {
    text: (d: { reason: string }) => `The checkpoint does not fit: ${d.reason}.`,
    remedy: "Resume with the same model, data, seed, loss and optimizer, or give another checkpoint file.",
  },
  TRAIN_HEAD: {
    text: (d: { output: string }) => `No Gemm or MatMul with constant weights over [N, features] stands before the output "${d.output}", so there is no last layer to replace.`,
    remedy: "Name another output, or build the new head by hand.",
  },
  TRAIN_DATA: {
    text: (d: { reason: string }) => `The training data cannot be used: ${d.reason}.`,
    remedy: "Give tensors or samples whose first axis counts the examples.",
  },
  TRAIN_OPTION: {
    text: (d: { option: string; expected: string; received: string }) => `The option ${d.option} must be ${d.expected}, not ${d.received}.`,
    remedy: "Correct that option.",
  },
  TRAIN_TEACHER_INPUT: {
    text: (d: { input: string; known: readonly string[] }) => `The teacher takes "${d.input}", which the data does not have (it has ${d.known.join(", ") || "nothing"}).`,
    remedy: "Say where it comes from: { <teacher's input>: <name in the data> }.",
  },
  TRAIN_TEACHER_BATCH: {
    text: (d: { expected: number; received: number }) => `The teacher takes batches of ${d.expected}, and ${d.received} examples came.`,
    remedy: "Train with that batchSize and dropLast, or give the teacher a symbolic batch.",
  },
  TRAIN_TENSOR_FILE: {
    text: (d: { reason: string }) => `This is not a file of tensors that can be read or written: ${d.reason}.`,
    remedy: "Give a complete safetensors file.",
  },
});
