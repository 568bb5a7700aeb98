import { expect, test } from "vitest";
import { attr, Graph, Model, printGraph, printModel, Tensor, tensorType } from "@lathe/core";

test("a model prints one line per node, attributes by name, subgraphs indented", () => {
  const model = new Model({ irVersion: 10, opsetImports: [["com.microsoft", 1], ["", 21]] });
  const { graph } = model;
  graph.name = "main";
  const x = graph.addInput("x", tensorType("float32", ["N", 1, 8, 8]));
  const c = graph.addInput("c", tensorType("bool", []));
  const w = graph.addInitializer("w", Tensor.from("float32", [4, 1, 3, 3], Array.from({ length: 36 }, (_, i) => i / 3)));
  const conv = graph.add({ opType: "Conv", inputs: [x, w, null], outputs: [""], attributes: { pads: attr.ints([1, 1, 1, 1]), group: attr.int(1) } });
  conv.out.type = tensorType("float32", ["N", 4, 8, 8]);
  const half = graph.add({ opType: "Constant", outputs: ["h"], attributes: { value: attr.tensor(Tensor.scalar("float16", 0.5)) } });
  const body = new Graph("then");
  body.addOutput(body.add({ opType: "LeakyRelu", inputs: [conv.out], outputs: ["h"], attributes: { alpha: attr.float(1) } }).out);
  const other = new Graph("else");
  other.addOutput(other.add({ opType: "FusedGelu", domain: "com.microsoft", inputs: [conv.out, half.out], outputs: ["g"] }).out);
  graph.addOutput(graph.add({ opType: "If", inputs: [c], outputs: ["y"], attributes: { then_branch: attr.graph(body), else_branch: attr.graph(other) } }).out);
  expect(printModel(model)).toBe(`model ir 10, ai.onnx 21, com.microsoft 1
graph main(x: float32[N,1,8,8], c: bool[]) -> (y: ?) {
  w: float32[4,1,3,3] = [0, 0.333333, 0.666667, ...]
  %0: float32[N,4,8,8] = Conv(x, w, -) {group=1, pads=[1, 1, 1, 1]}
  h = Constant() {value=float16[] 0.5}
  y = If(c)
    else_branch else() -> (g: ?) {
      g = com.microsoft.FusedGelu(%0, h)
    }
    then_branch then() -> (h'2: ?) {
      h'2 = LeakyRelu(%0) {alpha=1.0}
    }
}
`);
});

test("functions print their imports, attributes and references", () => {
  const body = new Graph("Scale");
  const x = body.addInput("X");
  const k = body.add({ opType: "Constant", outputs: ["K"], attributes: { value_float: { kind: "float", ref: "k" } } });
  body.addOutput(body.add({ opType: "Mul", inputs: [x, k.out], outputs: ["Y"] }).out);
  const model = new Model({ opset: 18 });
  model.functions.set("my::Scale::", { domain: "my", name: "Scale", overload: "", body, attributes: ["j"], attributeDefaults: new Map([["k", attr.float(2)]]), opsetImports: new Map([["", 18]]) });
  expect(printModel(model).split("\n").slice(3)).toEqual([
    "function [ai.onnx 18] <j, k = 2.0> my.Scale Scale(X: ?) -> (Y: ?) {",
    "  K = Constant() {value_float=@k}",
    "  Y = Mul(X, K)",
    "}",
    "",
  ]);
});

test("types can be left out and more elements shown", () => {
  const graph = new Graph("g");
  const w = graph.addInitializer("w", Tensor.from("int4", [10], [0, 1, 2, 3, 4, 5, 6, 7, -8, -1]));
  const s = graph.addInitializer("s", Tensor.fromStrings([1], ["a\"b"]));
  const node = graph.add({ opType: "Foo", inputs: [w, s], outputs: ["y"] });
  node.out.type = tensorType("int4", [10]);
  graph.addOutput(node.out);
  expect(printGraph(graph, { elements: 10, types: false })).toBe(`graph g() -> (y: int4[10]) {
  w: int4[10] = [0, 1, 2, 3, 4, 5, 6, 7, -8, -1]
  s: string[1] = ["a\\"b"]
  y = Foo(w, s)
}
`);
});
