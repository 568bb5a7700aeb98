/** The teacher's tensors under the names that terms read. */
import type { Model, Runtime } from "@lathe/core";
import { withTeacher, type Taught, type TeacherOptions, type TrainingData } from "@lathe/train";
import { taughtName } from "./term.ts";

export interface TaughtOptions extends Omit<TeacherOptions, "tensors"> {
  readonly runtime: Runtime;
  /** Names of the teacher's tensors to add. */
  readonly tensors: readonly string[];
}

/**
 * Adds the teacher's tensors to every batch, as `teacher/<name>`: `withTeacher` of @lathe/train, with its memory of what the teacher said.
 * @throws TRAIN_NO_VALUE; from `batch`: TRAIN_TEACHER_INPUT, TRAIN_TEACHER_BATCH
 */
export const taughtData = (data: TrainingData, teacher: Model, { runtime, tensors, ...options }: TaughtOptions): Promise<Taught> =>
  withTeacher(data, teacher, runtime, { ...options, tensors: Object.fromEntries(tensors.map((name) => [taughtName(name), name])) });
