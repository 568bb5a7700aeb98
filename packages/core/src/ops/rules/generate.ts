/** Shape rules of operators that make tensors: constants, ranges, random numbers. */
import { isInteger, type DType } from "../../dtype.ts";
import { ceilDivDims, maxDims, subDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { unknownShape } from "./axes.ts";
import { dtypeAttribute } from "./elementwise.ts";

type Infer = (c: InferContext) => void;

export const inferConstant: Infer = (c) => {
  const tensor = c.node.constantOutput(0);
  const sparse = c.node.attribute("sparse_value", "sparse");
  if (tensor) c.set(0, tensor.dtype, tensor.dims);
  else if (sparse) c.set(0, sparse.values.dtype, sparse.dims);
};

export const inferConstantOfShape: Infer = (c) => {
  const value = c.node.attribute("value", "tensor");
  const dims = c.dims(0);
  const rank = c.shape(0)?.[0];
  const dtype = value?.dtype ?? "float32";
  c.set(0, dtype, dims ?? (typeof rank === "number" ? unknownShape(rank) : undefined));
  const length = dims?.length === 1 ? dims[0] : dims?.length === 0 ? 1 : undefined;
  if (value && isInteger(dtype) && typeof length === "number" && length <= 64) c.setDims(0, Array.from({ length }, () => value.toNumbers()[0]!));
};

/** ceil((limit - start) / delta), at least 0. Integer bounds may be symbolic; float bounds must be constant. */
export const inferRange: Infer = (c) => {
  const dtype = c.dtype(0);
  if (!isInteger(dtype)) {
    const [start, limit, delta] = [0, 1, 2].map((i) => c.constant(i)?.toNumbers()[0]);
    const known = start !== undefined && limit !== undefined && delta !== undefined && delta !== 0;
    return c.set(0, dtype, [known ? Math.max(0, Math.ceil((limit - start) / delta)) : c.symbol("range")]);
  }
  const [start, limit, delta] = [0, 1, 2].map((i) => c.dims(i)?.[0] ?? null);
  if (delta === 0) c.fail("expects a delta other than 0");
  const count = ceilDivDims(subDims(limit!, start!), delta!);
  // A size is not negative, so a range from 0 needs no lower bound.
  c.set(0, dtype, [start === 0 && typeof limit === "string" && typeof delta === "number" && delta > 0 ? count : maxDims(0, count) ?? c.symbol("range")]);
};

/** The attribute `dtype`, else the element type of input 0 where there is one. */
const chosen = (c: InferContext, fallback: DType | undefined): DType | undefined => dtypeAttribute(c, "dtype") ?? fallback;

export const inferLike: Infer = (c) => c.set(0, chosen(c, c.dtype(0)), c.shape(0));
export const inferRandom: Infer = (c) => c.set(0, chosen(c, "float32"), c.node.ints("shape"));
export const inferMultinomial: Infer = (c) => c.set(0, chosen(c, "int32"), [c.shape(0)?.[0] ?? null, c.node.int("sample_size", 1)]);
