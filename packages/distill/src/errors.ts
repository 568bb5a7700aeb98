import { defineErrors } from "@lathe/core";

const shape = (dims: readonly unknown[] | undefined): string => (dims ? `[${dims.join(", ")}]` : "an unknown shape");

export const distillErrors = defineErrors({
  DISTILL_NO_TEACHER: {
    text: () => "A student was given without a teacher.",
    remedy: "Lend a trainer that has one, trainer({ teacher: model }), or give --teacher on the command line.",
  },
  DISTILL_NO_TENSOR: {
    text: (d: { tensor: string; side: string; meant: string | undefined }) => `The ${d.side} has no float tensor "${d.tensor}".${d.meant === undefined ? "" : ` Did you mean "${d.meant}"?`}`,
    remedy: "Name a tensor that a node of the model gives; `lathe inspect --layers` lists them.",
  },
  DISTILL_SHAPE: {
    text: (d: { term: string; student: string; studentShape: readonly unknown[] | undefined; teacher: string; teacherShape: readonly unknown[] | undefined; expected: string }) =>
      `The term "${d.term}" cannot compare "${d.student}" of the student, ${shape(d.studentShape)}, with "${d.teacher}" of the teacher, ${shape(d.teacherShape)}: ${d.expected} expected.`,
    remedy: "Choose tensors that stand for the same thing, or give the models fixed input sizes.",
  },
  DISTILL_NO_SHAPE: {
    text: (d: { tensor: string }) => `The shape of the teacher's tensor "${d.tensor}" cannot be told, or it is a scalar.`,
    remedy: "Give the teacher's inputs fixed sizes, or choose another tensor.",
  },
  DISTILL_OPTION: {
    text: (d: { option: string; expected: string; received: string }) => `Option "${d.option}" must be ${d.expected}; ${d.received} came.`,
    remedy: "Correct the option.",
  },
  DISTILL_NO_LAYERS: {
    text: (d: { model: string; pattern: string }) => `No parameter of the ${d.model} has a name that contains "${d.pattern}" with a number.`,
    remedy: 'Give the part of the names that counts layers, with {} for the number: "layer{}." or "encoder.layer.{}.".',
  },
});
