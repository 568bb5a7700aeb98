/** What a student is asked to match: a sum of weighted terms, each a loss that may read tensors of the teacher. */
import { inferShapes, nearestName, substituteDim, type Dim, type Graph, type Model, type Shape, type Value } from "@lathe/core";
import { batchAxis, batchDim, type Loss, type LossBuilder } from "@lathe/train";
import { distillErrors } from "./errors.ts";

/** What a term is written with. */
export interface TermContext {
  readonly b: LossBuilder;
  /** A tensor of the student; default: its first output. @throws DISTILL_NO_TENSOR */
  student(name?: string): Value;
  /** A tensor of the teacher, given with each batch; default: its first output. No gradient flows into it. */
  teacher(name?: string): Value;
}

export interface Term {
  readonly name: string;
  readonly weight: number;
  /** Names of the teacher's tensors that it reads; undefined stands for the first output. */
  readonly reads: readonly (string | undefined)[];
  /** Writes a float32 scalar. */
  write(c: TermContext): Value;
}

/** The task's own loss as a term, for instance `task(crossEntropy())`; it reads labels from the data, nothing of the teacher. */
export const task = (loss: Loss, weight = 1): Term => ({ name: "task", weight, reads: [], write: ({ b }) => loss(b) });

/** The input under which a tensor of the teacher is fed. */
export const taughtName = (tensor: string): string => `teacher/${tensor}`;

const namesOf = (graph: Graph): string[] => [...graph.values()].filter((v) => !v.isInitializer).map((v) => v.name);

/** What terms read of a teacher. */
export interface TensorsRead {
  /** Shapes by the tensors' names. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** What those shapes call the batch. */
  readonly batch: Dim;
  /** The teacher's first output, which terms read that name none. */
  readonly first: string;
}

/** @throws DISTILL_NO_TENSOR, DISTILL_NO_SHAPE */
export function tensorsRead(teacher: Model, terms: readonly Term[]): TensorsRead {
  const model = inferred(teacher);
  const { graph } = model;
  const first = graph.outputs[0]?.name ?? "";
  const names = [...new Set(terms.flatMap((t) => t.reads.map((name) => name ?? first)))];
  const shapes = new Map(names.map((name) => {
    const value = graph.value(name);
    if (!value || value.isInitializer || (value.dtype ?? "float32") !== "float32") throw distillErrors.DISTILL_NO_TENSOR({ tensor: name, side: "teacher", meant: nearestName(name, namesOf(graph)) });
    if (!value.shape || value.shape.length === 0) throw distillErrors.DISTILL_NO_SHAPE({ tensor: name });
    return [name, value.shape];
  }));
  return { shapes, batch: batchDim(model), first };
}

function inferred(model: Model): Model {
  const copy = model.clone();
  inferShapes(copy);
  return copy;
}

/** Losses of a training step over terms. */
export interface TermLosses {
  /** The weighted sum of the terms. */
  readonly loss: Loss;
  /** Each term without its weight, to be watched while training; a name that occurs twice is numbered. */
  readonly metrics: Readonly<Record<string, Loss>>;
}

/** @throws DISTILL_OPTION when there is no term or a weight is negative */
export function termLosses(terms: readonly Term[], read: TensorsRead): TermLosses {
  checkTerms(terms);
  // A term may hold parameters of its own, so what is watched must be what is trained: each is written once for a step.
  const written = new WeakMap<LossBuilder, readonly Value[]>();
  const valuesOf = (b: LossBuilder): readonly Value[] => {
    const before = written.get(b);
    if (before) return before;
    const c = context(b, read);
    const values = terms.map((term) => term.write(c));
    written.set(b, values);
    return values;
  };
  const loss: Loss = (b) => {
    const weighted = valuesOf(b).map((value, i) => b.emit("Mul", [value, b.scalar(terms[i]!.weight)], {}, []));
    return weighted.reduce((sum, term) => b.emit("Add", [sum, term], {}, []));
  };
  return { loss, metrics: Object.fromEntries(numbered(terms).map((name, i) => [name, (b: LossBuilder) => valuesOf(b)[i]!])) };
}

function numbered(terms: readonly Term[]): string[] {
  const counts = new Map<string, number>();
  return terms.map(({ name }) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${name} ${count}`;
  });
}

function checkTerms(terms: readonly Term[]): void {
  if (terms.length === 0) throw distillErrors.DISTILL_OPTION({ option: "terms", expected: "at least one term", received: "none" });
  const bad = terms.find(({ weight }) => !Number.isFinite(weight) || weight < 0);
  if (bad) throw distillErrors.DISTILL_OPTION({ option: `weight of "${bad.name}"`, expected: "a number of 0 or more", received: String(bad.weight) });
}

function context(b: LossBuilder, read: TensorsRead): TermContext {
  const student = (name?: string): Value => {
    const value = name === undefined ? b.graph.outputs[0] : b.graph.value(name);
    if (!value || value.isInitializer) throw distillErrors.DISTILL_NO_TENSOR({ tensor: name ?? "", side: "student", meant: nearestName(name ?? "", namesOf(b.graph)) });
    return value;
  };
  const teacher = (name = read.first): Value => b.input(taughtName(name), "float32", shapeBeside(read.shapes.get(name)!, read.batch, batchDim(b)));
  return { b, student, teacher };
}

/** A shape of the teacher with the student's batch in place of its own, wherever that stands; the first axis, where it cannot be told. */
function shapeBeside(shape: Shape, batch: Dim, own: Dim): Shape {
  if (typeof batch === "string") {
    if (batchAxis(shape, batch) >= 0) return shape.map((dim) => substituteDim(dim, { [batch]: own }));
    if (typeof shape[0] === "number") return shape;
  }
  return [own, ...shape.slice(1)];
}
