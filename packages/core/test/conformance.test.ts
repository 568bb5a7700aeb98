/**
 * The ONNX backend tests, when `node scripts/fetch-conformance.mjs` has put them on this machine: nothing that is inferred may
 * contradict a stored output. What the comparison itself finds is tested always.
 */
import { encodeModel, encodeProto, Graph, Model, tensorType, type Shape } from "@lathe/core";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { inferCase, type Verdict } from "./support/conformance.ts";
import { casesOf, suites, type OnnxCase } from "./support/onnx-cases.ts";

const scratch = mkdtempSync(join(tmpdir(), "lathe-conformance-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Relu of a float32 input of `shape`, with a stored output of `dims`. */
function write(name: string, shape: Shape, dims: readonly number[], dataType = 1): OnnxCase {
  const folder = join(scratch, "node", name);
  mkdirSync(join(folder, "test_data_set_0"), { recursive: true });
  const model = new Model({ opset: 17, graph: new Graph("g") });
  model.graph.addOutput(model.graph.add({ opType: "Relu", inputs: [model.graph.addInput("x", tensorType("float32", shape))], outputs: ["y"] }).out);
  model.graph.outputs[0]!.type = tensorType("float32", dims);
  writeFileSync(join(folder, "model.onnx"), encodeModel(model));
  writeFileSync(join(folder, "test_data_set_0", "output_0.pb"), encodeProto("TensorProto", { dims, dataType }));
  return { name, kind: "node", folder };
}

describe("the comparison", () => {
  it.each<[Verdict, OnnxCase]>([
    ["equal", write("equal", [2, 3], [2, 3])],
    ["symbolic", write("symbolic", ["N", 3], [2, 3])],
    ["wrong", write("other_shape", [2, 3], [2, 4])],
    ["wrong", write("other_rank", [2, 3], [6])],
    ["wrong", write("other_type", [2, 3], [2, 3], 7)],
  ])("finds %s in %o", (verdict, c) => expect(inferCase(c, "types").verdict).toBe(verdict));

  it("finds cases by folder", () => expect(casesOf(scratch).map((c) => c.name)).toEqual(["equal", "other_rank", "other_shape", "other_type", "symbolic"]));
});

/** Stored outputs that are not of the declared type: bfloat16 kept as uint16 by onnx 1.12. */
const misstored = new Set(["test_cast_FLOAT_to_BFLOAT16", "test_castlike_FLOAT_to_BFLOAT16", "test_castlike_FLOAT_to_BFLOAT16_expanded"]);

for (const suite of suites) {
  describe(suite, () => {
    it.each(["types", "values"] as const)("is never contradicted, knowing input %s", (knowledge) => {
      const wrong = casesOf(suite).map((c) => inferCase(c, knowledge)).filter((o) => o.verdict === "wrong" && !misstored.has(o.name));
      expect(wrong.map((o) => `${o.name}: ${o.reason}`)).toEqual([]);
    });
  });
}
