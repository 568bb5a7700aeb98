/** Pruning inside If, Loop and Scan. */
import { describe, expect, it } from "vitest";
import { Graph, Model, Tensor, attr, inferShapes, pipeline, random, standardOps, stats, tensorType, verify, type Value } from "@lathe/core";
import { compare, ortRuntime } from "@lathe/ort";
import { cut, dependencyGraph, plannedParameters, prepare, pruneChannels, pruneWeights, zeroUnits } from "@lathe/prune";

const source = random("bodies");
const numbers = (...dims: number[]): Tensor => Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => source.float() - 0.5));

/** Two layers [N, 4] -> [N, width] -> [N, 4] in `graph`, with weights of its own or of `owner`. */
function layers(graph: Graph, x: Value, prefix: string, width: number, owner = graph): Value {
  const constant = (name: string, ...dims: number[]): Value => owner.addInitializer(`${prefix}${name}`, numbers(...dims));
  const hidden = graph.add({ opType: "Gemm", name: `${prefix}first`, inputs: [x, constant("w1", 4, width), constant("b1", width)], outputs: [`${prefix}hidden`] }).out;
  const active = graph.add({ opType: "Relu", name: `${prefix}relu`, inputs: [hidden], outputs: [`${prefix}active`] }).out;
  return graph.add({ opType: "Gemm", name: `${prefix}second`, inputs: [active, constant("w2", width, 4), constant("b2", 4)], outputs: [`${prefix}out`] }).out;
}

const float = (...shape: (number | string)[]) => tensorType("float32", shape);

/** Branches of an If that read x from outside. */
function choice(): Model {
  const model = new Model({ opset: 17 });
  const { graph } = model;
  const [x, flag] = [graph.addInput("x", float("N", 4)), graph.addInput("flag", tensorType("bool", []))];
  const branch = (prefix: string, width: number): Graph => {
    const body = new Graph(prefix);
    body.addOutput(layers(body, x, prefix, width));
    return body;
  };
  const node = graph.add({ opType: "If", name: "choice", inputs: [flag], outputs: ["y"], attributes: { then_branch: attr.graph(branch("a_", 8)), else_branch: attr.graph(branch("b_", 6)) } });
  graph.addOutput(node.out);
  return model;
}

/** A Loop of three rounds over a state of four. The weights lie outside. */
function loop(): Model {
  const model = new Model({ opset: 17 });
  const { graph } = model;
  const x = graph.addInput("x", float("N", 4));
  const body = new Graph("body");
  body.addInput("i", tensorType("int64", []));
  const go = body.addInput("go", tensorType("bool", []));
  const state = body.addInput("state", float("N", 4));
  body.addOutput(body.add({ opType: "Identity", inputs: [go], outputs: ["go_on"] }).out);
  body.addOutput(layers(body, state, "l_", 8, graph));
  const count = graph.addInitializer("count", Tensor.int64([3], []));
  graph.addOutput(graph.add({ opType: "Loop", name: "rounds", inputs: [count, null, x], outputs: ["y"], attributes: { body: attr.graph(body) } }).out);
  return model;
}

/** A Scan over rows, in a body of two layers. */
function scan(): Model {
  const model = new Model({ opset: 17 });
  const { graph } = model;
  const body = new Graph("body");
  const [sum, row] = [body.addInput("sum", float(1, 4)), body.addInput("row", float(1, 4))];
  const next = layers(body, row, "s_", 8);
  body.addOutput(body.add({ opType: "Add", inputs: [sum, next], outputs: ["total"] }).out);
  body.addOutput(body.add({ opType: "Identity", inputs: [next], outputs: ["each"] }).out);
  const node = graph.add({ opType: "Scan", name: "rows", inputs: [graph.addInitializer("zero", Tensor.from("float32", [1, 4], [0, 0, 0, 0])), graph.addInput("x", float(3, 1, 4))], outputs: ["y", "all"], attributes: { body: attr.graph(body), num_scan_inputs: attr.int(1) } });
  for (const output of node.outputs) graph.addOutput(output!);
  return model;
}

const runtime = ortRuntime();
const rows = Tensor.from("float32", [2, 4], [1, -2, 3, 0.5, 2, 1, -1, -3]);
const cases = [
  ["an If", choice, [{ x: rows, flag: Tensor.from("bool", [], [true]) }, { x: rows, flag: Tensor.from("bool", [], [false]) }], [8, 6]],
  ["a Loop that reads weights from outside", loop, [{ x: rows }], [8]],
  ["a Scan", scan, [{ x: Tensor.from("float32", [3, 1, 4], [1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4]) }], [8]],
] as const;

describe("bodies of control flow", () => {
  it.each(cases)("%s: groups within a body are cut, and the result equals the zeroed original", async (_, make, samples, widths) => {
    const model = make();
    await prepare(model, standardOps);
    const graph = dependencyGraph(model);
    expect(graph.groups.map((g) => g.units.length)).toEqual(widths);
    const selection = new Map(graph.groups.map((g) => [g, new Set(g.units.slice(1, 4))] as const));
    const planned = plannedParameters(model, selection);
    const zeroed = model.clone();
    zeroUnits(zeroed, selection);
    cut(model, graph, selection);
    inferShapes(model);
    expect(plannedParameters(model, new Map())).toBe(planned);
    expect(verify(model, { ops: standardOps }).filter((issue) => issue.severity === "error")).toEqual([]);
    for (const feeds of samples) {
      const { tensors } = await compare(zeroed, model, [feeds], { runtime });
      for (const [output, difference] of Object.entries(tensors)) expect([output, difference.maxAbs < 1e-5]).toEqual([output, true]);
    }
  });

  it("keep what crosses their border whole, and name the node", async () => {
    const model = loop();
    await prepare(model, standardOps);
    const { held } = dependencyGraph(model);
    expect(held.find((h) => h.value === "l_w1" && h.axis === 0)?.reason).toBe('the Loop "rounds", whose body takes it');
    expect(held.find((h) => h.value === "l_w2" && h.axis === 1)?.reason).toMatch(/the Loop "rounds", whose body (takes|gives) it/);
  });

  it("are reached by the techniques", async () => {
    const { model } = await pipeline(pruneChannels({ ratio: 0.5, scope: "group", roundTo: 1 })).run(choice()).result;
    expect(stats(model).parameters).toBe(4 * 4 + 4 + 4 * 4 + 4 + (4 * 3 + 3 + 3 * 4 + 4));
    const { report } = await pipeline(pruneWeights({ sparsity: 0.5, scope: "tensor" })).run(choice()).result;
    expect(report.data.steps[0]!.metrics).toMatchObject({ tensors: 4, sparsity: 0.5 });
  });

  it("whose weights are all held are refused with what holds them", async () => {
    const model = new Model({ opset: 17 });
    const { graph } = model;
    const [x, flag] = [graph.addInput("x", float("N", 4)), graph.addInput("flag", tensorType("bool", []))];
    const branch = (prefix: string): Graph => {
      const body = new Graph(prefix);
      body.addOutput(body.add({ opType: "MatMul", name: `${prefix}only`, inputs: [x, body.addInitializer(`${prefix}w`, numbers(4, 4))], outputs: [`${prefix}out`] }).out);
      return body;
    };
    graph.addOutput(graph.add({ opType: "If", name: "choice", inputs: [flag], outputs: ["y"], attributes: { then_branch: attr.graph(branch("a_")), else_branch: attr.graph(branch("b_")) } }).out);
    await expect(pipeline(pruneChannels({})).run(model).result).rejects.toThrow(/PRUNE_NOTHING.*If "choice", whose body/);
  });
});
