/** The weights of a convolution in other places, with zeros between them. */
import { Tensor } from "@lathe/core";

/** Offset of a place that holds zero. */
export const NOTHING = -1;

/** Where each weight of one output comes from. */
export interface Rearranged {
  /** [C', ...kernel'] */
  readonly dims: readonly number[];
  /** For each of these places the offset among the output's weights before, or {@link NOTHING}. */
  readonly offsets: Int32Array;
}

/** int8 [O, ...] -> int8 [O, C', ...kernel']. */
export function rearrange(weights: Tensor, { dims, offsets }: Rearranged): Tensor {
  const data = weights.data() as Int8Array;
  const outputs = weights.dims[0]!;
  const block = data.length / outputs;
  const out = new Int8Array(outputs * offsets.length);
  for (let o = 0, at = 0; o < outputs; o++) for (const offset of offsets) out[at++] = offset === NOTHING ? 0 : data[o * block + offset]!;
  return Tensor.from("int8", [outputs, ...dims], out);
}
