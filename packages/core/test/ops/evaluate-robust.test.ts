/** Evaluators meet nodes that no checker has seen: they give tensors, decline, or fail with an error of ours, whatever comes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { attr, dtypes, isLatheError, Node, standardOps, Tensor, type Attribute, type DType } from "@lathe/core";

const evaluated = standardOps.all.filter((op) => op.evaluate);
const dims = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
const kinds: readonly DType[] = ["float32", "int64", "int32", "uint8", "bool", "float64", "float16", "int4", "string", "complex64"];

const tensor: fc.Arbitrary<Tensor | undefined> = fc.option(
  fc.tuple(fc.constantFrom(...kinds), dims, fc.infiniteStream(fc.integer({ min: -4, max: 6 }))).map(([dtype, shape, stream]) => {
    const size = shape.reduce((p, d) => p * d, 1);
    const values = [...stream.take(size)];
    if (dtype === "string") return Tensor.fromStrings(shape, values.map(String));
    if (dtype === "complex64") return Tensor.fromBytes(dtype, shape, new Uint8Array(size * 8));
    const { min, max } = dtypes[dtype];
    return Tensor.from(dtype, shape, values.map((v) => Math.min(max, Math.max(min, v))));
  }), { nil: undefined, freq: 8 });

/** Any attribute that some evaluator reads, with any small value. */
const attributes: fc.Arbitrary<Record<string, Attribute>> = fc.dictionary(
  fc.constantFrom("axis", "axes", "perm", "keepdims", "shape", "starts", "ends", "split", "pads", "to", "batch_dims", "num_outputs", "block_size", "k", "dtype", "upper", "allowzero", "mode", "start", "end", "exclusive"),
  fc.oneof(fc.integer({ min: -4, max: 12 }).map((v) => attr.int(v)), fc.array(fc.integer({ min: -4, max: 4 }), { maxLength: 4 }).map((v) => attr.ints(v)), fc.constant(attr.string("constant"))),
  { maxKeys: 3 },
);

test("no evaluator throws anything but our errors", () => {
  const reached = new Set<string>();
  fc.assert(fc.property(fc.constantFrom(...evaluated), fc.array(tensor, { maxLength: 5 }), attributes, fc.integer({ min: 1, max: 3 }), (op, inputs, attrs, outputs) => {
    const node = new Node({ opType: op.name, domain: op.domain, attributes: attrs, outputs });
    try {
      const results = op.evaluate!(node, inputs, 21);
      if (results) reached.add(op.name);
      for (const t of results ?? []) expect(t.byteLength).toBe(t.bytes().byteLength);
    } catch (error) {
      if (!isLatheError(error)) throw error;
    }
  }), { numRuns: 10_000 });
  expect(reached.size).toBeGreaterThan(evaluated.length / 2);
});
