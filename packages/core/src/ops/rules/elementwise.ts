/** Shape rules of elementwise operators. */
import { dtypeFromId, isDType, type DType } from "../../dtype.ts";
import type { Dim } from "../../ir/type.ts";
import { addDims, divDims, modDims, mulDims, subDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { broadcast, elementwise, sameAs } from "../shape.ts";
import { broadcastValues, dimArithmetic, passDims } from "./values.ts";

type Infer = (c: InferContext) => void;

/** Output 0 has the shape of input 0 and the given element type. */
export const shapeAs = (dtype: DType): Infer => (c) => c.set(0, dtype, c.shape(0));

/** The broadcast shape of all inputs with the given element type. */
export const broadcastAs = (dtype: DType): Infer => (c) => {
  if (isOldBroadcast(c)) return c.set(0, dtype, c.shape(0));
  c.set(0, dtype, broadcast(Array.from({ length: c.inputCount }, (_, i) => c.shape(i)), c.fail));
};

/** Before operator set 7 the second operand was aligned by attributes to the first, which has the result's shape. */
const isOldBroadcast = (c: InferContext): boolean => c.opset < 7 && c.node.domain === "";

const oldOr = (rule: Infer): Infer => (c) => (isOldBroadcast(c) ? sameAs(0)(c) : rule(c));

/** Integer division truncates; dimensions are not negative, so for them that is the floor. */
const truncatedDiv = (a: Dim, b: Dim): Dim => (typeof a === "number" && typeof b === "number" ? (b === 0 ? null : Math.trunc(a / b)) : divDims(a, b));

export const inferAdd: Infer = oldOr(dimArithmetic(addDims));
export const inferSub: Infer = oldOr(dimArithmetic(subDims));
export const inferMul: Infer = oldOr(dimArithmetic(mulDims));
export const inferDiv: Infer = oldOr(dimArithmetic(truncatedDiv));
export const inferMod: Infer = dimArithmetic((a, b) => (typeof a === "number" && typeof b === "number" && (a < 0 || b <= 0) ? null : modDims(a, b)));
export const inferElementwise: Infer = oldOr(elementwise);

/** Where: a constant condition selects dimensions one by one. */
export const inferWhere: Infer = (c) => {
  elementwise(c);
  const flags = c.constant(0);
  const lists = flags ? broadcastValues(c, [1, 2]) : undefined;
  if (!flags || !lists || (flags.size !== 1 && flags.size !== lists[0]!.length)) return;
  const chosen = flags.data();
  c.setDims(0, lists[0]!.map((x, i) => (chosen[flags.size === 1 ? 0 : i] !== 0 ? x : lists[1]![i]!)));
};

/** The element type that attribute `name` holds: an ONNX id, or a name in operator sets before 6. */
export function dtypeAttribute(c: InferContext, name: string): DType | undefined {
  const attribute = c.node.attributes.get(name);
  if (attribute?.kind !== "string" || attribute.value === undefined) return dtypeFromId(c.node.int(name, 0));
  const text = attribute.value.toLowerCase();
  const spelled = text === "float" ? "float32" : text === "double" ? "float64" : text;
  return isDType(spelled) ? spelled : undefined;
}

export const inferCast: Infer = (c) => castTo(c, dtypeAttribute(c, "to"));
export const inferCastLike: Infer = (c) => castTo(c, c.dtype(1));

function castTo(c: InferContext, to: DType | undefined): void {
  c.set(0, to, c.shape(0));
  if (to === "int64" || to === "int32") passDims(c);
}

/** BitCast keeps the number of bits: from wider to narrower elements adds no axis, it needs equal widths. */
export const inferBitCast: Infer = (c) => c.set(0, dtypeAttribute(c, "to"), c.shape(0));

/** Dropout: the mask is bool from operator set 10 on. */
export const inferDropout: Infer = (c) => {
  c.set(0, c.dtype(0), c.shape(0));
  if (c.outputCount > 1) c.set(1, c.opset >= 10 ? "bool" : c.dtype(0), c.shape(0));
};

