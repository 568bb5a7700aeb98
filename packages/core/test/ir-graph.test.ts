/** The graph as a safe sequence: what edits do, what iteration does meanwhile, and what is refused. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attr, Graph, Model, Node, Tensor, tensorType, type Value } from "@lathe/core";

const names = (graph: Graph): string[] => [...graph.nodes].map((n) => n.name);
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "no error";
};

/** x -> a -> b -> c -> d, each a Relu; the output of d is the graph output "y". */
function chain(...labels: string[]): { graph: Graph; nodes: Node[]; x: Value } {
  const graph = new Graph("chain");
  const x = graph.addInput("x", tensorType("float32", [2]));
  const nodes: Node[] = [];
  let from = x;
  for (const name of labels) {
    const node = graph.add({ opType: "Relu", name, inputs: [from], outputs: [`${name}_out`] });
    nodes.push(node);
    from = node.out;
  }
  from.name = "y";
  graph.addOutput(from);
  return { graph, nodes, x };
}

describe("uses", () => {
  test("a value knows each slot that reads it, once per slot, in order of first use", () => {
    const graph = new Graph();
    const x = graph.addInput("x");
    const add = graph.add({ opType: "Add", inputs: [x, x] });
    const mul = graph.add({ opType: "Mul", inputs: [add.out, x] });
    expect(x.uses).toEqual([{ node: add, index: 0 }, { node: add, index: 1 }, { node: mul, index: 1 }]);
    expect(x.useCount).toBe(3);
    expect(x.consumers).toEqual([add, mul]);
    add.setInput(1, null);
    expect(x.uses).toEqual([{ node: add, index: 0 }, { node: mul, index: 1 }]);
    mul.truncateInputs(1);
    expect(x.consumers).toEqual([add]);
  });

  test("an absent input leaves a gap that keeps later positions", () => {
    const graph = new Graph();
    const x = graph.addInput("x");
    const node = graph.add({ opType: "Resize", inputs: [x] });
    node.setInput(3, x);
    expect(node.inputs).toEqual([x, null, null, x]);
    expect(node.input(1)).toBeUndefined();
  });

  test("replaceUses redirects readers inside subgraphs as well", () => {
    const graph = new Graph();
    const x = graph.addInput("x");
    const other = graph.addInput("other");
    const body = new Graph("then");
    const inner = body.add({ opType: "Neg", inputs: [x] });
    body.addOutput(inner.out);
    graph.add({ opType: "If", inputs: [graph.addInput("c")], attributes: { then_branch: attr.graph(body) } });
    graph.replaceUses(x, other);
    expect(inner.inputs).toEqual([other]);
    expect(x.isUnused).toBe(true);
  });

  test("replaceUses keeps the public name of a graph output", () => {
    const { graph, nodes } = chain("a", "b");
    graph.replaceUses(nodes[1]!.out, nodes[0]!.out);
    expect(graph.outputs).toEqual([nodes[0]!.out]);
    expect(graph.outputs[0]!.name).toBe("y");
    expect(nodes[1]!.out.isUnused).toBe(true);
    expect(nodes[1]!.out.name).not.toBe("y");
  });

  test("replaceUses spares the node that was put behind the value", () => {
    const { graph, nodes } = chain("a", "b");
    const a = nodes[0]!;
    const probe = graph.insertAfter(a, new Node({ opType: "Neg", name: "probe", inputs: [a.out] }));
    graph.replaceUses(a.out, probe.out, probe);
    expect(probe.inputs).toEqual([a.out]);
    expect(nodes[1]!.inputs).toEqual([probe.out]);
  });

  test("a value listed twice among the outputs is redirected in both places", () => {
    const { graph, nodes } = chain("a", "b");
    graph.addOutput(nodes[1]!.out);
    graph.replaceUses(nodes[1]!.out, nodes[0]!.out);
    expect(graph.outputs).toEqual([nodes[0]!.out, nodes[0]!.out]);
    expect(nodes[0]!.out.outputCount).toBe(2);
  });
});

describe("edits are checked before they happen", () => {
  test("a node whose output is read cannot be removed, and nothing changes", () => {
    const { graph, nodes } = chain("a", "b");
    expect(codeOf(() => graph.remove(nodes[0]!))).toBe("IR_STILL_USED");
    expect(codeOf(() => graph.remove(nodes[1]!))).toBe("IR_STILL_USED");
    expect(names(graph)).toEqual(["a", "b"]);
    expect(nodes[0]!.inputs).toEqual([graph.inputs[0]]);
  });

  test("a removed node lets go of its inputs and its outputs become detached", () => {
    const { graph, nodes, x } = chain("a", "b");
    graph.replaceUses(nodes[0]!.out, x);
    const value = nodes[0]!.out;
    graph.remove(nodes[0]!);
    expect(x.consumers).toEqual([nodes[1]!]);
    expect(value.origin.kind).toBe("detached");
    expect(value.graph).toBeUndefined();
  });

  test("replaceNode refuses a replacement that lacks an output someone reads, and changes nothing", () => {
    const graph = new Graph();
    const x = graph.addInput("x");
    const split = graph.add({ opType: "Split", name: "split", inputs: [x], outputs: ["p", "q"] });
    graph.add({ opType: "Add", name: "add", inputs: [split.output(0)!, split.output(1)!] });
    expect(codeOf(() => graph.replaceNode(split, new Node({ opType: "Identity", inputs: [x] })))).toBe("IR_STILL_USED");
    expect(names(graph)).toEqual(["split", "add"]);
  });

  test("replaceNode hands over names and types", () => {
    const { graph, nodes, x } = chain("a", "b");
    nodes[0]!.out.type = tensorType("float32", [2]);
    const put = graph.replaceNode(nodes[0]!, new Node({ opType: "Neg", name: "n", inputs: [x] }));
    expect(put.out.name).toBe("a_out");
    expect(put.out.shape).toEqual([2]);
    expect(names(graph)).toEqual(["n", "b"]);
    const last = graph.replaceNode(nodes[1]!, new Node({ opType: "Neg", inputs: [put.out] }));
    expect(graph.outputs).toEqual([last.out]);
    expect(last.out.name).toBe("y");
  });

  test("a node of another graph is refused", () => {
    const one = chain("a");
    const two = chain("b");
    expect(codeOf(() => one.graph.remove(two.nodes[0]!))).toBe("IR_NOT_IN_GRAPH");
    expect(codeOf(() => one.graph.append(two.nodes[0]!))).toBe("IR_ALREADY_IN_GRAPH");
    expect(codeOf(() => one.graph.insertBefore(two.nodes[0]!, new Node({ opType: "Relu" })))).toBe("IR_NOT_IN_GRAPH");
  });

  test("a value has one origin", () => {
    const { nodes } = chain("a");
    expect(codeOf(() => new Node({ opType: "Relu", outputs: [nodes[0]!.out] }))).toBe("IR_VALUE_TAKEN");
  });

  test("inputs and initializers in use stay", () => {
    const { graph, x } = chain("a");
    const w = graph.addInitializer("w", Tensor.scalar("float32", 1));
    expect(codeOf(() => graph.removeInput(x))).toBe("IR_STILL_USED");
    graph.removeInitializer(w);
    expect(graph.initializers.size).toBe(0);
    expect(codeOf(() => graph.removeInitializer(w))).toBe("IR_NOT_IN_GRAPH");
  });

  test("optional outputs can be dropped, read ones cannot", () => {
    const graph = new Graph();
    const node = graph.add({ opType: "MaxPool", inputs: [graph.addInput("x")], outputs: ["y", "indices"] });
    graph.addOutput(node.out);
    node.dropOutput(1);
    expect(node.outputs).toEqual([node.out, null]);
    expect(codeOf(() => node.dropOutput(0))).toBe("IR_STILL_USED");
    expect(codeOf(() => node.truncateOutputs(0))).toBe("IR_STILL_USED");
    expect(node.outputs.length).toBe(2);
  });

  test("an old subgraph lets go of what it captured when the attribute is replaced or removed", () => {
    const graph = new Graph();
    const x = graph.addInput("x");
    const branch = (): Graph => {
      const body = new Graph("b");
      body.addOutput(body.add({ opType: "Neg", inputs: [x] }).out);
      return body;
    };
    const node = graph.add({ opType: "If", inputs: [graph.addInput("c")], attributes: { then_branch: attr.graph(branch()) } });
    const second = branch();
    node.setAttribute("then_branch", attr.graph(second));
    expect(x.consumers).toEqual([second.firstNode]);
    expect(second.parent).toBe(node);
    node.removeAttribute("then_branch");
    expect(x.isUnused).toBe(true);
  });
});

describe("iteration while editing", () => {
  const visit = (graph: Graph, edit: (node: Node) => void, backward = false): string[] => {
    const seen: string[] = [];
    for (const node of backward ? graph.nodesBackward : graph.nodes) {
      seen.push(node.name);
      edit(node);
    }
    return seen;
  };
  /** Takes a node out of a chain, whatever reads it. */
  const drop = (graph: Graph, node: Node): void => {
    graph.replaceUses(node.out, node.input(0)!);
    graph.remove(node);
  };

  test.each([
    ["the current node", [1]],
    ["the current node and the next", [1, 2]],
    ["the current node and the previous", [0, 1]],
    ["the current node and both neighbours", [0, 1, 2]],
    ["only the next", [2]],
    ["everything up to the last", [0, 1, 2, 3]],
  ])("removing %s goes on with the next that is left", (_what, gone) => {
    const { graph, nodes } = chain("a", "b", "c", "d", "e");
    const seen = visit(graph, (node) => {
      if (node.name === "b") for (const i of gone) drop(graph, nodes[i]!);
    });
    const left = ["c", "d", "e"].filter((name) => !gone.map((i) => nodes[i]!.name).includes(name));
    expect(seen).toEqual(["a", "b", ...left]);
  });

  test("backward, removing the current node and both neighbours goes on with the one before", () => {
    const { graph, nodes } = chain("a", "b", "c", "d", "e");
    expect(visit(graph, (node) => node.name === "c" && [1, 2, 3].forEach((i) => drop(graph, nodes[i]!)), true)).toEqual(["e", "d", "c", "a"]);
  });

  test("nodes inserted behind the current one are visited, nodes inserted before it are not", () => {
    const { graph } = chain("a", "b");
    const seen = visit(graph, (node) => {
      if (node.name !== "a") return;
      graph.insertBefore(node, new Node({ opType: "Neg", name: "before" }));
      graph.insertAfter(node, new Node({ opType: "Neg", name: "after" }));
    });
    expect(seen).toEqual(["a", "after", "b"]);
    expect(names(graph)).toEqual(["before", "a", "after", "b"]);
  });

  test("a replacement of the current node is not visited", () => {
    const { graph } = chain("a", "b", "c");
    expect(visit(graph, (node) => node.name === "b" && graph.replaceNode(node, new Node({ opType: "Neg", name: "n", inputs: node.inputs })))).toEqual(["a", "b", "c"]);
  });

  test("the current node may move into another graph", () => {
    const { graph } = chain("a", "b", "c");
    const other = chain("z").graph;
    const seen = visit(graph, (node) => {
      if (node.name === "b") other.append(graph.detach(node));
    });
    expect(seen).toEqual(["a", "b", "c"]);
  });

  test("property: whatever is removed, each node that is left when its turn comes is visited once, in order", () => {
    const edits = fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 12 });
    fc.assert(fc.property(edits, (plan) => {
      const { graph, nodes } = chain(..."abcdefghij");
      const seen: string[] = [];
      for (const node of graph.nodes) {
        seen.push(node.name);
        for (const [at, gone] of plan) if (nodes[at] === node && nodes[gone]!.graph === graph) drop(graph, nodes[gone]!);
      }
      expect(seen).toEqual([...seen].sort());
      expect(new Set(seen).size).toBe(seen.length);
      for (const name of names(graph)) expect(seen).toContain(name);
      expect(graph.nodeCount).toBe(names(graph).length);
      expect([...graph.nodesBackward].map((n) => n.name).reverse()).toEqual(names(graph));
    }));
  });
});

describe("sort", () => {
  test("puts producers first, keeps the order of what is not related, and counts captures as reads", () => {
    const graph = new Graph();
    const x = graph.addInput("x");
    const late = new Node({ opType: "Neg", name: "late", inputs: [x] });
    const body = new Graph("body");
    body.addOutput(body.add({ opType: "Abs", inputs: [late.out] }).out);
    graph.add({ opType: "If", name: "if", inputs: [graph.addInput("c")], attributes: { then_branch: attr.graph(body) } });
    graph.add({ opType: "Relu", name: "free", inputs: [x] });
    graph.append(late);
    expect(graph.sort()).toBe(true);
    expect(names(graph)).toEqual(["free", "late", "if"]);
  });

  test("a subgraph that returns an outer value directly counts too", () => {
    const graph = new Graph();
    const late = new Node({ opType: "Neg", name: "late", inputs: [graph.addInput("x")] });
    const body = new Graph("body");
    body.addOutput(late.out);
    graph.add({ opType: "If", name: "if", inputs: [graph.addInput("c")], attributes: { then_branch: attr.graph(body) } });
    graph.append(late);
    expect(graph.sort()).toBe(true);
    expect(names(graph)).toEqual(["late", "if"]);
  });

  test("refuses a cycle and leaves the graph alone", () => {
    const { graph, nodes } = chain("a", "b");
    nodes[0]!.setInput(0, nodes[1]!.out);
    expect(graph.sort()).toBe(false);
    expect(names(graph)).toEqual(["a", "b"]);
  });

  test("property: any shuffle of a random graph comes back in a legal order, and a legal order is left alone", () => {
    const shape = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 12 });
    fc.assert(fc.property(shape, fc.nat(), (links, seed) => {
      const graph = new Graph();
      const values = [graph.addInput("x")];
      links.forEach(([a, b], i) => {
        values.push(graph.add({ opType: "Add", name: `n${i}`, inputs: [values[a % values.length]!, values[b % values.length]!] }).out);
      });
      const before = names(graph);
      graph.sort();
      expect(names(graph)).toEqual(before);
      const nodes = [...graph.nodes];
      nodes.forEach((node, i) => graph.moveBefore(nodes[(i * 7 + seed) % nodes.length]!, node));
      expect(graph.sort()).toBe(true);
      const rank = new Map([...graph.nodes].map((n, i) => [n, i]));
      for (const node of graph.nodes) for (const v of node.inputs) if (v?.producer) expect(rank.get(v.producer)!).toBeLessThan(rank.get(node)!);
    }));
  });
});

describe("names", () => {
  test("freshName avoids values and nodes of every nested graph", () => {
    const graph = new Graph();
    graph.addInput("w");
    const body = new Graph("body");
    body.add({ opType: "Neg", name: "w_1", inputs: [], outputs: ["w_2"] });
    graph.add({ opType: "If", attributes: { then_branch: attr.graph(body) } });
    expect(graph.freshName("w")).toBe("w_3");
    expect(body.freshName("w")).toBe("w_3");
    expect(graph.freshName("v")).toBe("v");
  });
});

describe("constants", () => {
  test("an initializer and a Constant node are constant, an input with a default is not until it is frozen", () => {
    const graph = new Graph();
    const w = graph.addInitializer("w", Tensor.int64([1, 2]));
    const c = graph.add({ opType: "Constant", attributes: { value_floats: attr.floats([1, 2]) } }).out;
    const input = graph.addInput("d", undefined, Tensor.scalar("float32", 3));
    expect(w.constant?.toNumbers()).toEqual([1, 2]);
    expect(c.constant?.dtype).toBe("float32");
    expect(input.constant).toBeUndefined();
    graph.freezeInput(input);
    expect(input.constant?.toNumbers()).toEqual([3]);
    expect(graph.inputs).toEqual([]);
  });

  test("setInitializer changes content and type", () => {
    const graph = new Graph();
    const w = graph.addInitializer("w", Tensor.int64([1, 2]));
    graph.setInitializer(w, Tensor.scalar("float32", 1));
    expect([w.dtype, w.shape]).toEqual(["float32", []]);
  });
});

describe("clone", () => {
  function nested(): Model {
    const model = new Model({ opset: 21 });
    const { graph } = model;
    const x = graph.addInput("x", tensorType("float32", ["N", 2]));
    const w = graph.addInitializer("w", Tensor.from("float32", [2], [1, 2]));
    const add = graph.add({ opType: "Add", name: "add", inputs: [x, w], outputs: ["s"] });
    const body = new Graph("body");
    body.addOutput(body.add({ opType: "Mul", name: "mul", inputs: [add.out, w], outputs: ["m"] }).out);
    const same = new Graph("else");
    same.addOutput(same.add({ opType: "Identity", name: "id", inputs: [add.out], outputs: ["i"] }).out);
    const node = graph.add({ opType: "If", name: "if", inputs: [graph.addInput("c")], outputs: ["y"], attributes: { then_branch: attr.graph(body), else_branch: attr.graph(same) } });
    graph.addOutput(node.out);
    return model;
  }

  test("has the same structure, captures of its own values, and shares the tensors", () => {
    const model = nested();
    const copy = model.clone();
    const inner = [...copy.graph.allNodes()].find((n) => n.name === "mul")!;
    expect(inner.input(0)).toBe(copy.graph.node("add")!.out);
    expect(inner.input(1)).toBe(copy.graph.value("w"));
    expect(copy.graph.value("w")!.tensor).toBe(model.graph.value("w")!.tensor);
    expect(copy.graph.node("if")!.subgraphs.map((s) => s.graph.parent)).toEqual([copy.graph.node("if"), copy.graph.node("if")]);
    expect(copy.graph.value("x")!.shape).toEqual(["N", 2]);
  });

  test("edits of the copy leave the original alone", () => {
    const model = nested();
    const copy = model.clone();
    const add = copy.graph.node("add")!;
    copy.graph.replaceUses(add.out, copy.graph.inputs[0]!);
    copy.graph.remove(add);
    copy.metadata.set("k", "v");
    copy.opsetImports.set("", 22);
    const original = model.graph.node("add")!;
    expect(original.out.consumers.map((n) => n.name)).toEqual(["mul", "id"]);
    expect([model.opset, model.metadata.size]).toEqual([21, 0]);
  });
});
