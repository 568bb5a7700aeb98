/** Shape rules of signal operators. */
import { dtypeFromId } from "../../dtype.ts";
import type { Dim } from "../../ir/type.ts";
import { addDims, divDims, mulDims, subDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { axisOf, intList } from "../shape.ts";
import { withDim } from "./axes.ts";

type Infer = (c: InferContext) => void;

const outputType = (c: InferContext) => dtypeFromId(c.node.int("output_datatype", 1));

export const inferWindow: Infer = (c) => c.set(0, outputType(c), [c.dims(0)?.[0] ?? null]);

/** Half of the spectrum of real input: floor(n / 2) + 1. */
const half = (n: Dim): Dim => addDims(divDims(n, 2), 1);

/** Input [..., n, ..., 1 or 2]; the axis is an attribute before operator set 20 and an input then. */
export const inferDFT: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return;
  const given = c.node.int("axis") ?? (c.has(2) ? intList(c, 2)?.[0] : c.opset >= 20 ? -2 : 1);
  const [oneSided, inverse] = [c.node.int("onesided", 0) !== 0, c.node.int("inverse", 0) !== 0];
  const parts = oneSided && inverse ? 1 : 2;
  if (given === undefined) return c.set(0, c.dtype(0), x.map((_, i) => (i === x.length - 1 ? parts : null)));
  const axis = axisOf(c, given, x.length);
  const length = c.has(1) ? c.dims(1)?.[0] ?? null : parts === 1 ? mulDims(2, subDims(x[axis]!, 1)) : x[axis]!;
  c.set(0, c.dtype(0), [...withDim(x, axis, oneSided && !inverse ? half(length) : length).slice(0, -1), parts]);
};

/** Signal [batch, length, 1 or 2] to [batch, frames, bins, 2]. */
export const inferSTFT: Infer = (c) => {
  const x = c.shape(0);
  const step = c.dims(1)?.[0] ?? null;
  const frame: Dim = c.has(3) ? c.dims(3)?.[0] ?? null : c.has(2) ? c.shape(2)?.[0] ?? null : null;
  const bins = c.node.int("onesided", 1) !== 0 ? half(frame) : frame;
  c.set(0, c.dtype(0), [x?.[0] ?? null, x && x.length > 1 ? addDims(divDims(subDims(x[1]!, frame), step), 1) : null, bins, 2]);
};

export const inferMelWeightMatrix: Infer = (c) => {
  c.set(0, outputType(c), [half(c.dims(1)?.[0] ?? null), c.dims(0)?.[0] ?? null]);
};
