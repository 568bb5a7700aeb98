import { Tensor, defineTechnique, floatWeights, verified } from "@lathe/core";
import { z } from "zod";

/** Rounds float32 weights to `bits` mantissa bits (half to even). The model runs as before; the file compresses far better. */
export const roundMantissa = defineTechnique({
  name: "round-mantissa",
  summary: "Rounds weights to fewer mantissa bits, so that the file compresses well.",
  options: z.strictObject({
    bits: z.number().int().min(1).max(22).default(10).describe("mantissa bits that are kept"),
    smallest: z.number().int().min(1).default(256).describe("tensors with fewer elements stay as they are"),
  }),
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, { bits, smallest }, ctx) {
    const weights = [...model.graph.initializers].filter((v) => v.tensor?.dtype === "float32" && v.tensor.size >= smallest);
    let changed = 0;
    for (const [i, value] of weights.entries()) {
      const data = value.tensor.toFloat32().slice(); // a copy: clones of a model share their tensors
      changed += round(data, 23 - bits);
      model.graph.setInitializer(value, Tensor.from("float32", value.tensor.dims, data));
      ctx.progress({ done: i + 1, total: weights.length, message: value.name });
      await ctx.turn(); // lets an abort through
    }
    return { metrics: { tensors: weights.length, changedWeights: changed } };
  },
});

/** Clears the lowest `drop` bits of each float with rounding; infinities and NaN are left alone. */
function round(data, drop) {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  let changed = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if ((word & 0x7f800000) === 0x7f800000) continue;
    const half = 2 ** (drop - 1) - 1 + ((word >>> drop) & 1);
    words[i] = ((word + half) >>> drop) << drop;
    if (words[i] !== word) changed++;
  }
  return changed;
}
