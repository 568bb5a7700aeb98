/** Rules meet malformed nodes: whatever the inputs, a rule infers something or fails by name, and costs are numbers. */
import { attr, type Graph, inferShapes, isStatic, Model, standardOps, Tensor, tensorType, type Attribute, type DType, type OpDef, type Shape, type Value } from "@lathe/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const dims = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom("N", "H"), fc.constant(null));
const shapes: fc.Arbitrary<Shape | undefined> = fc.oneof({ weight: 5, arbitrary: fc.array(dims, { maxLength: 5 }) }, { weight: 1, arbitrary: fc.constant(undefined) });

type Input = { readonly kind: "absent" } | { readonly kind: "typed"; readonly dtype: DType; readonly shape: Shape | undefined } | { readonly kind: "ints"; readonly values: readonly number[] };
const inputs: fc.Arbitrary<Input> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("absent" as const) }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant("typed" as const), dtype: fc.constantFrom<DType>("float32", "int64", "uint8", "bool", "string"), shape: shapes }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("ints" as const), values: fc.array(fc.integer({ min: -3, max: 5 }), { maxLength: 5 }) }) },
);
/** Mostly as many inputs as the signature has, sometimes fewer or more. */
function seedsOf(op: OpDef) {
  const formal = op.schemas.at(-1)!.inputs.length;
  return fc.record({ inputs: fc.array(inputs, { minLength: Math.max(0, formal - 1), maxLength: formal + 2, size: "max" }), outputs: fc.integer({ min: 1, max: 4 }), ints: fc.array(fc.integer({ min: -3, max: 4 }), { minLength: 1, maxLength: 6 }), given: fc.boolean() });
}

/** Attributes of the right kind with values that may make no sense. */
function attributes(op: OpDef, ints: readonly number[], given: boolean): Record<string, Attribute> {
  const made: Record<string, Attribute> = {};
  for (const schema of op.schemas.at(-1)!.attributes.values()) {
    if (!schema.required && !given) continue;
    if (schema.kind === "int") made[schema.name] = attr.int(ints[0]!);
    if (schema.kind === "ints") made[schema.name] = attr.ints(ints);
    if (schema.kind === "float") made[schema.name] = attr.float(ints[0]! / 2);
    if (schema.kind === "floats") made[schema.name] = attr.floats(ints.map((i) => i / 2));
    if (schema.kind === "string") made[schema.name] = attr.string(typeof schema.default === "string" ? schema.default : "ij,jk->ik");
  }
  return made;
}

function modelOf(op: OpDef, seed: { inputs: readonly Input[]; outputs: number; ints: readonly number[]; given: boolean }): Model {
  const model = new Model({ opsetImports: [["", 26], [op.domain, op.schemas.at(-1)!.since], ...(op.domain === "" ? [["", 26] as const] : [])] });
  const graph: Graph = model.graph;
  const values = seed.inputs.map((input, i): Value | null => {
    if (input.kind === "absent") return null;
    if (input.kind === "ints") return graph.addInitializer(`c${i}`, Tensor.int64(input.values));
    return graph.addInput(`x${i}`, tensorType(input.dtype, input.shape));
  });
  const node = graph.add({ opType: op.name, domain: op.domain, name: "node", inputs: values, outputs: Array.from({ length: seed.outputs }, (_, i) => `y${i}`), attributes: attributes(op, seed.ints, seed.given) });
  for (const output of node.outputs) graph.addOutput(output!);
  return model;
}

describe("whatever the inputs", () => {
  it.each(standardOps.all.map((op) => [`${op.domain || "ai.onnx"} ${op.name}`, op] as const))("%s infers or says what is wrong", (_, op) => {
    fc.assert(fc.property(seedsOf(op), (seed) => {
      const model = modelOf(op, seed);
      const { problems } = inferShapes(model);
      for (const problem of problems) expect(problem.message).toContain(problem.code);
      for (const { shape } of model.graph.outputs) {
        for (const d of shape ?? []) if (typeof d === "number") expect(Number.isInteger(d), `${d} in [${shape?.join(",")}]`).toBe(true);
      }
      const node = model.graph.firstNode!;
      const known = [...node.inputs, ...node.outputs].every((v) => !v || isStatic(v.shape));
      if (!op.cost || !known || problems.length > 0) return;
      const cost = op.cost({
        node,
        shape: (i) => node.input(i)?.shape as readonly number[] | undefined,
        outShape: (i) => node.output(i)?.shape as readonly number[] | undefined,
        dtype: (i) => node.input(i)?.dtype,
        constant: (i) => node.input(i)?.constant,
      });
      expect(Number.isNaN(cost.macs + (cost.elementOps ?? 0))).toBe(false);
    }), { numRuns: 60 });
  });
});
