import { attr, evaluateWith, Model, Node, Tensor, tensorType, Value } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { afterAll, describe, expect, it } from "vitest";

const reasons: string[] = [];
const evaluate = evaluateWith(ortRuntime(), { cached: 2, onSkip: (node: Node, reason: unknown) => reasons.push(`${node.label}: ${String(reason)}`) });
afterAll(() => evaluate.dispose());
const opset = new Map([["", 21]]);

describe("evaluateWith ONNX Runtime", () => {
  it("computes a node, also one with absent inputs", async () => {
    const clip = new Node({ opType: "Clip", inputs: [new Value("a"), null, new Value("max")] });
    const [y] = (await evaluate(clip, [Tensor.from("float32", [3], [1, 5, 9]), undefined, Tensor.scalar("float32", 6)], opset))!;
    expect(y!.toNumbers()).toEqual([1, 5, 6]);
  });

  it("takes one value in two places, and leaves the node as it was", async () => {
    const x = new Value("x");
    const add = new Node({ opType: "Add", inputs: [x, x], outputs: ["sum"] });
    const two = Tensor.from("float32", [1], [2]);
    expect((await evaluate(add, [two, two], opset))![0]!.toNumbers()).toEqual([4]);
    expect(x.consumers).toEqual([add]);
    expect(add.out.name).toBe("sum");
  });

  it("runs subgraphs that stand for themselves, which stay with their node", async () => {
    const branch = (value: number) => {
      const { graph } = new Model();
      graph.addOutput(graph.add({ opType: "Constant", outputs: [`c${value}`], attributes: { value: attr.tensor(Tensor.from("float32", [1], [value])) } }).out);
      return graph;
    };
    const node = new Node({ opType: "If", inputs: [new Value("condition")], attributes: { then_branch: attr.graph(branch(1)), else_branch: attr.graph(branch(2)) } });
    expect((await evaluate(node, [Tensor.from("bool", [], [0])], opset))![0]!.toNumbers()).toEqual([2]);
    expect(node.subgraphs.every(({ graph }) => graph.parent === node)).toBe(true);
  });

  it("gives all outputs", async () => {
    const topK = new Node({ opType: "TopK", inputs: [new Value(), new Value()], outputs: 2 });
    const results = (await evaluate(topK, [Tensor.from("float32", [4], [3, 1, 4, 2]), Tensor.int64([2])], opset))!;
    expect(results.map((t) => t.toNumbers())).toEqual([[4, 3], [2, 0]]);
  });

  it("keeps the places of absent outputs", async () => {
    const norm = new Node({ opType: "LayerNormalization", inputs: [new Value(), new Value()], outputs: [new Value(), null, new Value()], attributes: { epsilon: attr.float(0) } });
    const results = (await evaluate(norm, [Tensor.from("float32", [1, 2], [1, 5]), Tensor.from("float32", [2], [1, 1])], opset))!;
    expect(results.map((t) => t?.toNumbers())).toEqual([[-1, 1], undefined, [0.5]]);
  });

  it("works in the model's operator sets and with other sizes of the same rank", async () => {
    const gelu = new Node({ opType: "Gelu", domain: "com.microsoft", inputs: [new Value()] });
    const imports = new Map([["", 13], ["com.microsoft", 1]]);
    for (const size of [1, 3]) expect((await evaluate(gelu, [Tensor.from("float32", [size], new Float32Array(size))], imports))![0]!.dims).toEqual([size]);
  });

  it("keeps few sessions and reopens them", async () => {
    for (const opType of ["Neg", "Abs", "Sign", "Neg"]) {
      const [y] = (await evaluate(new Node({ opType, inputs: [new Value()] }), [Tensor.from("float32", [1], [-2])], opset))!;
      expect(y!.toNumbers()[0]).toBe({ Neg: 2, Abs: 2, Sign: -1 }[opType]);
    }
  });

  it("leaves alone what ONNX Runtime cannot run, and says why", async () => {
    const unknown = new Node({ opType: "NoSuchOperator", name: "odd", inputs: [new Value()] });
    expect(await evaluate(unknown, [Tensor.from("float32", [1], [1])], opset)).toBeUndefined();
    expect(reasons.at(-1)).toMatch(/^odd: .*ORT_LOAD_FAILED/);
  });

  it("leaves alone nodes whose subgraph reads values from outside", async () => {
    const outer = new Value("outer", tensorType("float32", [1]));
    const body = new Model().graph;
    body.addOutput(body.add({ opType: "Identity", inputs: [outer] }).out);
    const branch = new Node({ opType: "If", inputs: [new Value("condition")], attributes: { then_branch: attr.graph(body), else_branch: attr.graph(body) } });
    expect(await evaluate(branch, [Tensor.from("bool", [], [1])], opset)).toBeUndefined();
  });
});
