/** Type rules of sequences and optional values. A sequence type remembers what all its tensors have in common. */
import { dtypeFromId } from "../../dtype.ts";
import { tensorType, type Shape, type ValueType } from "../../ir/type.ts";
import { sameDim } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { axisOf } from "../shape.ts";
import { withDim } from "./axes.ts";

type Infer = (c: InferContext) => void;

const sequenceOf = (element: ValueType | undefined): ValueType => ({ kind: "sequence", element });
const optionalOf = (element: ValueType | undefined): ValueType => ({ kind: "optional", element });
const elementOf = (type: ValueType | undefined): ValueType | undefined => (type?.kind === "sequence" || type?.kind === "optional" ? type.element : undefined);

/** What two shapes have in common: equal lengths stay, others become unknown, other ranks have nothing. */
function commonShape(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  return a && b && a.length === b.length ? a.map((d, i) => (sameDim(d, b[i]!) ? d : null)) : undefined;
}

function common(types: readonly (ValueType | undefined)[]): ValueType | undefined {
  return types.reduce((a, b) => (a?.kind === "tensor" && b?.kind === "tensor" ? tensorType(a.dtype ?? b.dtype, commonShape(a.shape, b.shape)) : undefined));
}

export const inferSequenceConstruct: Infer = (c) => {
  c.setType(0, sequenceOf(common(Array.from({ length: c.inputCount }, (_, i) => c.type(i)))));
};

export const inferSequenceEmpty: Infer = (c) => c.setType(0, sequenceOf(tensorType(dtypeFromId(c.node.int("dtype", 1)))));

export const inferSequenceInsert: Infer = (c) => {
  const before = elementOf(c.type(0));
  // The first tensor put into an empty sequence cannot be told from a later one: only what both share is certain.
  const isEmpty = c.node.input(0)?.producer?.opType === "SequenceEmpty";
  c.setType(0, sequenceOf(isEmpty ? c.type(1) : common([before, c.type(1)])));
};

export const inferSequenceSame: Infer = (c) => {
  const type = c.type(0);
  if (type) c.setType(0, type);
};

export const inferElement: Infer = (c) => {
  const element = elementOf(c.type(0));
  if (element) c.setType(0, element);
};

/** OptionalGetElement of a value that is not optional gives the value. */
export const inferOptionalGet: Infer = (c) => {
  const type = c.type(0);
  const element = type?.kind === "optional" ? type.element : type;
  if (element) c.setType(0, element);
};

export const inferOptional: Infer = (c) => c.setType(0, optionalOf(c.has(0) ? c.type(0) : c.node.attribute("type", "type")));

export const inferScalar = (dtype: "bool" | "int64"): Infer => (c) => c.set(0, dtype, []);

export const inferConcatFromSequence: Infer = (c) => {
  const element = elementOf(c.type(0));
  if (element?.kind !== "tensor") return;
  const isNew = c.node.int("new_axis", 0) !== 0;
  const { shape } = element;
  if (!shape) return c.set(0, element.dtype);
  const axis = axisOf(c, c.node.int("axis", 0), shape.length + (isNew ? 1 : 0));
  c.set(0, element.dtype, isNew ? [...shape.slice(0, axis), null, ...shape.slice(axis)] : withDim(shape, axis, null));
};

export const inferSplitToSequence: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return c.setType(0, sequenceOf(tensorType(c.dtype(0))));
  const axis = axisOf(c, c.node.int("axis", 0), x.length);
  const parts = c.has(1) ? c.dims(1) : [1];
  const scalar = !c.has(1) || c.shape(1)?.length === 0;
  const drop = !c.has(1) && c.node.int("keepdims", 1) === 0;
  const [first] = parts ?? [];
  const length = first !== undefined && (parts?.every((p) => p === first) ?? false) ? first : null;
  // A scalar size may leave a smaller last part.
  const whole = !scalar || length === 1 || (typeof length === "number" && typeof x[axis] === "number" && (x[axis] as number) % length === 0);
  c.setType(0, sequenceOf(tensorType(c.dtype(0), drop ? x.filter((_, i) => i !== axis) : withDim(x, axis, whole ? length : null))));
};

/** SequenceMap: the body gets one element of each input sequence; its outputs are gathered in sequences. */
export const inferSequenceMap: Infer = (c) => {
  const inputs = Array.from({ length: c.inputCount }, (_, i) => {
    const type = c.type(i);
    return type?.kind === "sequence" ? type.element : type;
  });
  c.inferGraph("body", inputs).forEach((type, i) => c.setType(i, sequenceOf(type)));
};
