import { describe, expect, it } from "vitest";
import fc from "fast-check";
import * as ort from "onnxruntime-node";
import { Graph, Model, Node, Tensor, Value, attr, encodeModel, standardOps, tensorType } from "@lathe/core";

const evaluate = (node: Node, inputs: readonly (Tensor | undefined)[]): readonly Tensor[] | undefined => standardOps.of(node)!.evaluate!(node, inputs, 21);

describe("NonMaxSuppression on constants", () => {
  const box = fc.array(fc.integer({ min: 0, max: 16 }).map((i) => i / 4), { minLength: 4, maxLength: 4 });

  it.each([0, 1])("selects the boxes that ONNX Runtime selects (center_point_box %i)", async (centre) => {
    const graph = new Graph();
    const inputs = [graph.addInput("boxes", tensorType("float32", ["B", "N", 4])), graph.addInput("scores", tensorType("float32", ["B", "C", "N"])), graph.addInput("most", tensorType("int64", [1])), graph.addInput("iou", tensorType("float32", [1])), graph.addInput("least", tensorType("float32", [1]))];
    const out = new Value("selected", tensorType("int64", [null, 3]));
    const node = graph.append(new Node({ opType: "NonMaxSuppression", inputs, outputs: [out], attributes: { center_point_box: attr.int(centre) } }));
    graph.addOutput(out);
    const session = await ort.InferenceSession.create(encodeModel(new Model({ graph })), { graphOptimizationLevel: "disabled" });
    await fc.assert(fc.asyncProperty(fc.array(box, { minLength: 1, maxLength: 8 }), fc.infiniteStream(fc.integer({ min: 0, max: 40 })), fc.constantFrom(1, 2, 5), fc.constantFrom(0, 0.3, 0.5), async (boxes, scores, most, iou) => {
      const values = Float32Array.from({ length: 2 * boxes.length }, () => scores.next().value! / 40);
      const feeds = { boxes: Tensor.from("float32", [1, boxes.length, 4], boxes.flat()), scores: Tensor.from("float32", [1, 2, boxes.length], values), most: Tensor.int64([most]), iou: Tensor.from("float32", [1], [iou]), least: Tensor.from("float32", [1], [0.1]) };
      const expected = (await session.run(Object.fromEntries(Object.entries(feeds).map(([k, t]) => [k, new ort.Tensor(t.dtype as "float32", t.data() as Float32Array, t.dims as number[])]))))["selected"]!;
      const [got] = evaluate(node, Object.values(feeds))!;
      expect(got!.toBigInts()).toEqual([...(expected.data as BigInt64Array)]);
    }), { numRuns: 150 });
  });
});

describe("StringSplit on constants", () => {
  it.each([
    ["a,b,c", { delimiter: "," }, ["a", "b", "c"]],
    ["a,,c", { delimiter: "," }, ["a", "", "c"]],
    ["a,b,c", { delimiter: ",", maxsplit: 1 }, ["a", "b,c"]],
    ["  hello  world ", {}, ["hello", "world"]],
    ["  hello  big world", { maxsplit: 1 }, ["hello", "big world"]],
    ["", { delimiter: "" }, []],
  ] as const)("%j with %o gives %j", (text, options, parts) => {
    const given = options as { delimiter?: string; maxsplit?: number };
    const attributes = { ...(given.delimiter === undefined ? {} : { delimiter: attr.string(given.delimiter) }), ...(given.maxsplit === undefined ? {} : { maxsplit: attr.int(given.maxsplit) }) };
    const node = new Node({ opType: "StringSplit", inputs: [new Value("x")], outputs: 2, attributes });
    const [substrings, counts] = evaluate(node, [Tensor.fromStrings([1], [text])])!;
    expect([substrings!.strings(), substrings!.dims, counts!.toNumbers()]).toEqual([parts, [1, parts.length], [parts.length]]);
  });

  it("pads to the longest list", () => {
    const [substrings, counts] = evaluate(new Node({ opType: "StringSplit", inputs: [new Value("x")], outputs: 2 }), [Tensor.fromStrings([2], ["a b c", "d"])])!;
    expect([substrings!.strings(), counts!.toNumbers()]).toEqual([["a", "b", "c", "d", "", ""], [3, 1]]);
  });
});
