import { attr, Model, printModel, standardOps, Tensor, tensorType, verify } from "@lathe/core";
import { parseModel, tinyCnn, tinyMlp, tinyTransformer } from "@lathe/testkit";
import { describe, expect, it } from "vitest";

const whole = (model: Model): string => printModel(model, { elements: Infinity });

const everything = `model ir 10, ai.onnx 21, com.microsoft 1
graph main(x: float32[N,2], flag: bool[], start: int64[1] = [5]) -> (y: float32[N,2], parts: sequence(float32[...])) {
  w: float32[2] = [1, 2.5]
  none: float32[0] = []
  half: float16[] = 0.5
  big: int64[1] = [9007199254740993]
  text: string[2] = ["a, b", "c\\"d"]
  low: int4[3] = [-8, 0, 7]
  scaled: float32[N,2] = Mul(x, w)
  gelu: float32[N,2] = com.microsoft.Gelu(scaled)
  clipped: float32[N,2] = Clip(gelu, -, none)
  top, - = TopK(clipped, start) {axis=-1, largest=0}
  padded = Pad(clipped, start) {floats=[1.0, 2.5], ints=[1, 2], mode="edge", names=["a", "b"], t=float32[2] [1, 2], value=3.0}
  y: float32[N,2] = If(flag)
    else_branch no() -> (b: float32[...]) {
      b: float32[...] = Identity(scaled)
    }
    then_branch yes() -> (a: float32[...]) {
      k: float32[2] = [3, 4]
      a: float32[...] = Add(scaled, k)
    }
  parts: sequence(float32[...]) = SequenceConstruct(y, top)
}
`;

describe("parseModel", () => {
  it("reads everything that the printer writes", () => {
    expect(whole(parseModel(everything))).toBe(everything);
  });

  it.each([["tinyMlp", tinyMlp()], ["tinyCnn", tinyCnn()], ["tinyTransformer", tinyTransformer()]])("reads %s back", (_name, model) => {
    const again = parseModel(whole(model));
    expect(whole(again)).toBe(whole(model));
    expect(verify(again, { ops: standardOps })).toEqual([]);
  });

  it("keeps ints and floats apart, and wide integers exact", () => {
    const { graph } = parseModel(everything);
    const pad = [...graph.nodes].find((n) => n.opType === "Pad")!;
    expect(pad.attributes.get("value")).toEqual(attr.float(3));
    expect(pad.attributes.get("ints")).toEqual(attr.ints([1n, 2n]));
    expect(graph.value("big")!.tensor!.toBigInts()).toEqual([9007199254740993n]);
    expect(graph.value("text")!.tensor!.strings()).toEqual(["a, b", 'c"d']);
  });

  it("lets subgraphs see the values around them", () => {
    const { graph } = parseModel(everything);
    expect(graph.value("scaled")!.consumers.map((n) => n.opType)).toEqual(["Gelu", "Add", "Identity"].sort((a, b) => (a === "Gelu" ? -1 : b === "Gelu" ? 1 : a < b ? 1 : -1)));
  });

  const wrong: [string, string, RegExp][] = [
    ["an undefined value", "graph g(x: float32[1]) -> (y: float32[1]) {\n y = Neg(z)\n}", /line 3 where a definition of "z" before it is used/],
    ["an unknown type", "graph g(x: float99[1]) -> () {\n}", /an element type instead of "float99"/],
    ["elements left out", "graph g() -> () {\n w: float32[9] = [1, 2, ...]\n}", /where all elements was expected/],
    ["too few elements", "graph g() -> () {\n w: float32[3] = [1, 2]\n}", /3 elements instead of 2/],
    ["a missing output", "graph g() -> (y: float32[1]) {\n}", /definition of the output "y"/],
    ["a broken line", "graph g() -> () {\n y Neg(x)\n}", /"Neg" in line 3 where "=" was expected/],
    ["a function", "graph g() -> () {\n}\nfunction [ai.onnx 21] f", /the end of the model/],
  ];
  it.each(wrong)("says where %s is", (_what, text, message) => {
    expect(() => parseModel(`model ir 10, ai.onnx 21\n${text}\n`)).toThrow(message);
  });

  it("makes models by hand unnecessary in cases", () => {
    const text = "model ir 10, ai.onnx 21\ngraph g(x: float32[N]) -> (y: float32[N]) {\n  two: float32[] = 2\n  y: float32[N] = Mul(x, two)\n}\n";
    const model = new Model({ irVersion: 10, opset: 21 });
    model.graph.name = "g";
    const x = model.graph.addInput("x", tensorType("float32", ["N"]));
    const y = model.graph.add({ opType: "Mul", inputs: [x, model.graph.addInitializer("two", Tensor.scalar("float32", 2))], outputs: ["y"] }).out;
    y.type = tensorType("float32", ["N"]);
    model.graph.addOutput(y);
    expect(whole(parseModel(text))).toBe(whole(model));
  });
});
