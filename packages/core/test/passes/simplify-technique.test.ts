import { expect, test } from "vitest";
import { attr, describeTechnique, LatheError, pipeline, simplify, type Model } from "@lathe/core";
import { Build, expectSameResults, opsOf, randomFeeds, testRuntime } from "./build.ts";

/** x + Softplus(constant), then a Softmax over two axes. */
function model(): Model {
  const b = new Build(11);
  const x = b.input("x", [2, 3, 4]);
  const sum = b.op("Add", [x, b.op("Softplus", [b.weight([4])])]);
  return b.output(b.op("Softmax", [sum], { axis: attr.int(1) }), "y").model;
}

test("computes with the runtime what core's evaluator does not know", async () => {
  const original = model();
  const { model: small, report } = await pipeline(simplify()).run(original, { runtime: testRuntime }).result;
  expect(opsOf(small)).toEqual(["Add", "Softmax"]);
  expect(opsOf(original)).toEqual(["Softplus", "Add", "Softmax"]);
  await expectSameResults(original, small, randomFeeds(original));
  expect(report.data.steps[0]!.metrics).toEqual({ nodesBefore: 3, nodesAfter: 2 });
  expect(JSON.stringify(report.data.steps[0]!.details)).toContain('"name":"fold-constants"');
});

test("without a runtime it leaves that, and with an opset it converts first", async () => {
  const original = model();
  const { model: small } = await pipeline(simplify({ opset: 21, disable: ["fold-constants"] })).run(original, { runtime: testRuntime }).result;
  expect(small.opset).toBe(21);
  expect(opsOf(small)).toEqual(["Softplus", "Add", "Flatten", "Softmax", "Reshape"]);
  expect(opsOf((await pipeline(simplify()).run(original, {}).result).model)).toEqual(["Softplus", "Add", "Softmax"]);
  await expectSameResults(original, small, randomFeeds(original));
});

test("what the runtime refuses is not folded", async () => {
  const refusing = { ...testRuntime, load: () => Promise.reject(new LatheError({ code: "NO_KERNEL", message: "No kernel.", remedy: "None." })) };
  expect(opsOf((await pipeline(simplify()).run(model(), { runtime: refusing }).result).model)).toContain("Softplus");
});

test("a name that no pass has is refused before anything runs, and the options describe themselves", () => {
  expect(() => simplify({ disable: ["nothing-like-this"] })).toThrow("OPTIONS_INVALID");
  expect(JSON.stringify(describeTechnique(simplify))).toContain("fold-batchnorm");
});
