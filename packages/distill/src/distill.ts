/** Training a student to do as its teacher does. */
import type { Model, Runtime } from "@lathe/core";
import { crossEntropy, fit, fitRun, trainingData, type FitEvent, type FitOptions, type FitResult, type FitRun } from "@lathe/train";
import { softTargets } from "./losses/soft-targets.ts";
import { taughtData } from "./teacher.ts";
import { task, tensorsRead, termLosses, type Term } from "./term.ts";

export interface DistillOptions extends Omit<FitOptions, "model" | "loss"> {
  /** Any ONNX model; it is not changed, and it need not be trainable. */
  readonly teacher: Model;
  /** The model that is trained; the result is a new one. */
  readonly student: Model;
  /** What is matched. Default: soft targets at temperature 4, weight 0.9, and cross-entropy with the labels, weight 0.1 (Hinton et al. 2015). */
  readonly terms?: readonly Term[] | undefined;
  /** Where the teacher's inputs come from, when the data has other names: teacher's input to name in the data. */
  readonly teacherInputs?: Readonly<Record<string, string>> | undefined;
  /** Where the teacher runs; default: where the student is trained. */
  readonly teacherRuntime?: Runtime | undefined;
  /** Bytes of the teacher's tensors to remember, by the content of the examples. Default 256 MiB. */
  readonly cacheBytes?: number | undefined;
}

export const standardTerms = (): Term[] => [softTargets({ weight: 0.9 }), task(crossEntropy(), 0.1)];

/**
 * Trains `student` on what `teacher` says of the same batches. All of `fit` holds here: progress, checkpoints and exact resume, abort,
 * validation. The terms are watched as metrics of each step.
 *
 * @example
 * const run = distill({ teacher, student, data, epochs: 5, terms: [softTargets({ temperature: 4 }), hint({ student: "stage2", teacher: "stage3", weight: 0.1 })] });
 * for await (const event of run) if (event.type === "epoch") console.log(event.epoch, event.loss, event.scores);
 * const { model } = await run.result;
 * @throws (through the run) DISTILL_NO_TENSOR, DISTILL_SHAPE, DISTILL_OPTION before the first step; TRAIN_TEACHER_INPUT, TRAIN_TEACHER_BATCH; what `fit` throws
 */
export const distill = (options: DistillOptions): FitRun => fitRun((emit) => follow(options, emit), options.onEvent);

async function follow(options: DistillOptions, emit: (event: FitEvent) => void): Promise<FitResult> {
  const { teacher, student, terms = standardTerms(), teacherInputs, teacherRuntime, cacheBytes, data, signal, ...rest } = options;
  signal?.throwIfAborted();
  const read = tensorsRead(teacher, terms);
  const { loss, metrics } = termLosses(terms, read);
  const examples = await trainingData(data, student);
  const runtime = teacherRuntime ?? options.runtime ?? (await import("@lathe/ort")).ortRuntime();
  const taught = read.shapes.size === 0 ? undefined : await taughtData(examples, teacher, { runtime, tensors: [...read.shapes.keys()], inputs: teacherInputs, cacheBytes, signal });
  try {
    return await fit({ ...rest, model: student, data: taught?.data ?? examples, loss, metrics: { ...metrics, ...options.metrics }, signal, onEvent: emit }).result;
  } finally {
    await taught?.dispose();
  }
}
