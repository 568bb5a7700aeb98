/** What every term has that compares a tensor of the student with one of the teacher. */
import type { Value } from "@lathe/core";
import { batchAxis, batchDim } from "@lathe/train";
import { distillErrors } from "../errors.ts";
import type { Term } from "../term.ts";
import { kit, type Kit } from "./kit.ts";

/** Tensors by name, or undefined for the first outputs. */
interface Compared {
  readonly student?: string;
  readonly teacher?: string;
  /** Default 1. */
  readonly weight?: number;
}

/** The two sides within a training step. */
export interface Sides {
  readonly student: Value;
  readonly teacher: Value;
  /** @throws DISTILL_SHAPE always, naming both tensors and what was expected of them. */
  refuse(expected: string): never;
}

/** A term whose value `write` writes. */
export const comparing = (name: string, options: Compared, write: (k: Kit, sides: Sides) => Value): Term => ({
  name, weight: options.weight ?? 1, reads: [options.teacher],
  write(c) {
    const [student, teacher] = [c.student(options.student), c.teacher(options.teacher)];
    const refuse = (expected: string): never => {
      throw distillErrors.DISTILL_SHAPE({ term: name, student: student.name, studentShape: student.shape, teacher: teacher.name, teacherShape: teacher.shape, expected });
    };
    return write(kit(c.b), { student, teacher, refuse });
  },
});

/** For losses over examples, which tensors that begin with time would turn into losses over times. @throws DISTILL_SHAPE */
export function needBatchFirst({ b }: Kit, { student, refuse }: Sides): void {
  if (batchAxis(student.shape ?? [], batchDim(b)) > 0) refuse("the batch as the first axis");
}
