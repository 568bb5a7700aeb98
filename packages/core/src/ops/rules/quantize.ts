/** Shape and type rules of quantization. */
import { dtypeFromId, type DType } from "../../dtype.ts";
import type { InferContext } from "../op.ts";

type Infer = (c: InferContext) => void;

const namedType = (c: InferContext): DType | undefined => {
  const id = c.node.int("output_dtype", 0);
  return id === 0 ? undefined : dtypeFromId(id);
};

/** The zero point says the type; without one the attribute does, and uint8 is the default. */
export const inferQuantize: Infer = (c) => c.set(0, c.dtype(2) ?? namedType(c) ?? (c.has(2) ? undefined : "uint8"), c.shape(0));

/** The attribute says the type, else the scale has it (float32 before opset 19). */
export const inferDequantize: Infer = (c) => c.set(0, namedType(c) ?? c.dtype(1), c.shape(0));

export const inferDynamicQuantize: Infer = (c) => {
  c.set(0, "uint8", c.shape(0));
  c.set(1, "float32", []);
  c.set(2, "uint8", []);
};
