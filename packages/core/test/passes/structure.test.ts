/** Control flow, functions, imports, shapes known in advance, and what composes and runs passes. */
import { describe, expect, test } from "vitest";
import {
  attr, convertOpset, fixpoint, freezeDefaults, Graph, inlineFunctions, inlineIf, Node, passContext, printModel, pruneFunctions, pruneOpsets, runPass, sequence,
  shapeConstants, simplifyModel, simplifyPasses, Tensor, tensorType, type FunctionDef, type Model, type Pass, type Value,
} from "@lathe/core";
import { applied, Build, expectSameResults, expectUntouched, opsOf, randomFeeds } from "./build.ts";

const branch = (name: string, make: (b: Build) => Value, opset = 21): Graph => {
  const graph = new Graph(name);
  const inner = new Build(opset, graph);
  inner.output(make(inner), `${name}_out`);
  return graph;
};

describe("inline-if", () => {
  test.each([[1, ["Relu", "Mul", "Neg"]], [0, ["Relu", "Abs", "Neg"]]])("condition %i", async (condition, expected) => {
    const b = new Build();
    const x = b.op("Relu", [b.input("x", [2])]);
    const taken = { then_branch: attr.graph(branch("t", (t) => t.op("Mul", [x, t.weight([2])]))), else_branch: attr.graph(branch("e", (e) => e.op("Abs", [x]))) };
    b.output(b.op("Neg", [b.op("If", [b.constant("bool", [], [condition])], taken)]));
    expect(opsOf((await applied(inlineIf, b)).model)).toEqual(expected);
  });

  test("nested, with outputs that are captured, constant or repeated", async () => {
    const b = new Build();
    const x = b.op("Relu", [b.input("x", [2])]);
    const yes = b.constant("bool", [], [1]);
    const both = (name: string): Graph => {
      const g = new Graph(name);
      const inner = new Build(21, g);
      const nested = inner.op("If", [yes], { then_branch: attr.graph(branch(`${name}t`, (t) => t.op("Exp", [x]))), else_branch: attr.graph(branch(`${name}e`, (e) => e.op("Abs", [x]))) });
      const k = inner.op("Identity", [inner.weight([2])]);
      inner.output(nested, `${name}0`).output(k, `${name}1`).output(inner.op("Identity", [x]), `${name}2`);
      return g;
    };
    const node = b.graph.add({ opType: "If", inputs: [yes], outputs: 3, attributes: { then_branch: attr.graph(both("a")), else_branch: attr.graph(both("b")) } });
    node.outputs.forEach((o) => b.output(o!));
    const { model } = await applied(inlineIf, b);
    expect(opsOf(model)).not.toContain("If");
  });

  test("leaves a condition that is computed", async () => {
    const b = new Build();
    const x = b.input("x", [2]);
    b.output(b.op("If", [b.input("c", [], "bool")], { then_branch: attr.graph(branch("t", (t) => t.op("Exp", [x]))), else_branch: attr.graph(branch("e", (e) => e.op("Abs", [x]))) }));
    await expectUntouched(inlineIf, b);
  });
});

const define = (model: Model, name: string, body: Graph, more: Partial<FunctionDef> = {}): void => {
  model.opsetImports.set("f", 1);
  model.functions.set(`f::${name}::`, { domain: "f", name, overload: "", body, attributes: [], attributeDefaults: new Map(), opsetImports: new Map([["", 21], ["f", 1]]), ...more });
};
const functionBody = (name: string, inputs: number, make: (b: Build, ...inputs: Value[]) => Value): Graph => {
  const graph = new Graph(name);
  const inner = new Build(21, graph);
  const formal = Array.from({ length: inputs }, (_, i) => graph.addInput(`X${i}`));
  return inner.output(make(inner, ...formal), "Y"), graph;
};
const call = (b: Build, name: string, inputs: readonly (Value | null)[], attributes = {}): Value =>
  b.graph.add({ opType: name, domain: "f", name: `${name}_${b.graph.nodeCount}`, inputs, attributes }).out;

describe("inline-functions", () => {
  test("nested calls, attributes by reference and by default", async () => {
    const b = new Build();
    define(b.model, "Scale", functionBody("Scale", 1, (f, x) => {
      const k = f.graph.add({ opType: "Constant", attributes: { value_float: { kind: "float", ref: "k" } } }).out;
      return f.op("Mul", [x!, k]);
    }), { attributes: [], attributeDefaults: new Map([["k", attr.float(3)]]) });
    define(b.model, "Twice", functionBody("Twice", 1, (f, x) => call(f, "Scale", [call(f, "Scale", [x!])], { k: attr.float(2) })));
    b.output(b.op("Relu", [call(b, "Twice", [b.input("x", [2])])])).output(call(b, "Twice", [b.graph.inputs[0]!]), "direct");
    const { model } = await applied(inlineFunctions, b);
    expect(new Set(opsOf(model))).toEqual(new Set(["Constant", "Mul", "Relu"]));
  });

  test("branches in a body capture the caller's values", async () => {
    const b = new Build();
    define(b.model, "Choose", functionBody("Choose", 2, (f, x, c) => f.op("If", [c!], {
      then_branch: attr.graph(branch("t", (t) => t.op("Exp", [x!]))),
      else_branch: attr.graph(branch("e", (e) => e.op("Identity", [x!]))),
    })));
    const x = b.input("x", [2]);
    b.output(call(b, "Choose", [x, b.input("c", [], "bool")]));
    const { model } = await applied(inlineFunctions, b);
    expect(opsOf(model).filter((op) => op.startsWith("f."))).toEqual([]);
  });

  // ONNX Runtime runs none of the next three as they are: the result is compared with one written by hand.
  test("an input that is handed through", async () => {
    const b = new Build();
    define(b.model, "Pass", functionBody("Pass", 1, (_f, x) => x!));
    b.output(call(b, "Pass", [b.input("x", [2])])).output(b.op("Neg", [call(b, "Pass", [b.graph.inputs[0]!])]));
    const { model } = await applied(sequence("s", [inlineFunctions, pruneFunctions]), b, { run: false });
    expect(opsOf(model)).toEqual(["Identity", "Neg"]);
    const plain = new Build();
    plain.output(plain.op("Identity", [plain.input("x", [2])])).output(plain.op("Neg", [plain.graph.inputs[0]!]));
    await expectSameResults(plain.model, model, randomFeeds(model));
  });

  test("an absent input is absent inside", async () => {
    const b = new Build();
    define(b.model, "Bound", functionBody("Bound", 3, (f, x, low, high) => f.op("Clip", [x!, low!, high!])));
    b.output(call(b, "Bound", [b.input("x", [4]), null, b.scalar(0.5)]));
    const { model } = await applied(inlineFunctions, b, { run: false });
    const plain = new Build();
    plain.output(plain.op("Clip", [plain.input("x", [4]), null, plain.scalar(0.5)]));
    await expectSameResults(plain.model, model, randomFeeds(model));
  });

  test("a body of an older operator set is converted", async () => {
    const b = new Build();
    const body = new Graph("Old");
    const inner = new Build(11, body);
    inner.output(inner.op("Squeeze", [inner.op("Unsqueeze", [body.addInput("X")], { axes: attr.ints([0]) })], { axes: attr.ints([0]) }), "Y");
    define(b.model, "Old", body, { opsetImports: new Map([["", 11]]) });
    b.output(b.op("Relu", [call(b, "Old", [b.input("x", [2])])]));
    const { model } = await applied(inlineFunctions, b, { run: false });
    expect(opsOf(model)).toEqual(["Constant", "Unsqueeze", "Constant", "Squeeze", "Relu"]);
    const plain = new Build();
    plain.output(plain.op("Relu", [plain.input("x", [2])]));
    await expectSameResults(plain.model, model, randomFeeds(model));
  });

  test("a body of a newer operator set stays, with a warning", async () => {
    const b = new Build(17);
    define(b.model, "New", functionBody("New", 1, (f, x) => f.op("Gelu", [x!])), { opsetImports: new Map([["", 20]]) });
    b.output(call(b, "New", [b.input("x", [2])]));
    const warnings: string[] = [];
    await expectUntouched(inlineFunctions, b, { warn: (w) => warnings.push(w.code) });
    expect(warnings).toContain("FUNCTION_CANNOT_INLINE");
  });

  test("cycles and bodies that double at each level are refused", async () => {
    const b = new Build();
    define(b.model, "A", functionBody("A", 1, (f, x) => call(f, "A", [x!])));
    b.output(call(b, "A", [b.input("x", [2])]));
    await expect(runPass(inlineFunctions, b.model, passContext())).rejects.toThrow("VERIFY_FUNCTION");
    const bomb = new Build();
    for (let i = 0; i < 40; i++) define(bomb.model, `F${i}`, functionBody(`F${i}`, 1, (f, x) => (i === 39 ? f.op("Neg", [x!]) : call(f, `F${i + 1}`, [call(f, `F${i + 1}`, [x!])]))));
    bomb.output(call(bomb, "F0", [bomb.input("x", [2])]));
    await expect(runPass(inlineFunctions, bomb.model, passContext())).rejects.toThrow("FUNCTION_CANNOT_INLINE");
  });
});

describe("prune", () => {
  test("functions that nothing reaches and operator sets that nothing speaks", async () => {
    const b = new Build();
    define(b.model, "Used", functionBody("Used", 1, (f, x) => call(f, "Inner", [x!])));
    define(b.model, "Inner", functionBody("Inner", 1, (f, x) => f.op("Neg", [x!])));
    define(b.model, "Unused", functionBody("Unused", 1, (f, x) => call(f, "Unused2", [x!])));
    define(b.model, "Unused2", functionBody("Unused2", 1, (f, x) => f.op("Neg", [x!])));
    b.model.opsetImports.set("com.microsoft", 1);
    b.output(call(b, "Used", [b.input("x", [2])]));
    const { model } = await applied(sequence("prune", [pruneFunctions, pruneOpsets]), b);
    expect([...model.functions.values()].map((f) => f.name)).toEqual(["Used", "Inner"]);
    expect([...model.opsetImports.keys()]).toEqual(["", "f"]);
  });
});

describe("freeze-defaults", () => {
  test("inputs with a default become weights", async () => {
    const b = new Build(9);
    b.model.irVersion = 3;
    const w = b.graph.addInput("w", tensorType("float32", [2]), Tensor.from("float32", [2], [1, 2]));
    b.output(b.op("Add", [b.input("x", [2]), w]));
    const before = b.model.clone();
    await runPass(freezeDefaults, b.model, passContext());
    expect(b.graph.inputs.map((v) => v.name)).toEqual(["x"]);
    expect(b.model.irVersion).toBe(4);
    await expectSameResults(before, b.model, randomFeeds(before));
  });
});

describe("shape-constants", () => {
  test("shapes that are known become constants; a batch that is not stays free", async () => {
    const b = new Build();
    const x = b.input("x", ["N", 4, 6]);
    const shape = b.op("Shape", [x]);
    const at = (i: number): Value => b.op("Gather", [shape, b.ints(i)], { axis: attr.int(0) });
    const half = b.op("Div", [at(2), b.ints(2)]);
    b.output(b.op("Reshape", [x, b.op("Concat", [at(0), at(1), half, b.ints(2)], { axis: attr.int(0) })]));
    const { model } = await applied(sequence("s", [shapeConstants, ...simplifyPasses.filter((p) => p.name === "dead-code")]), b);
    expect(opsOf(model)).toEqual(["Reshape"]);
    expect(model.graph.firstNode!.input(1)!.constant!.toNumbers()).toEqual([0, 4, 3, 2]);
    await expectSameResults(b.model, model, randomFeeds(b.model, 1, 5));
  });

  test("does not believe sizes that a file declares inside when its input says otherwise", async () => {
    const b = new Build();
    const x = b.typed(b.op("Relu", [b.input("x", ["N", 4])]), [1, 4]);
    const rows = b.op("Gather", [b.op("Shape", [x]), b.ints(0)], { axis: attr.int(0) });
    const flat = b.typed(b.op("Reshape", [x, b.op("Concat", [rows, b.ints(2, 2)], { axis: attr.int(0) })]), [1, 2, 2]);
    b.output(b.typed(b.op("Expand", [flat, b.op("Concat", [rows, b.ints(2, 2)], { axis: attr.int(0) })]), [1, 2, 2]));
    const model = b.model.clone();
    await simplifyModel(model);
    for (const size of [1, 5]) await expectSameResults(b.model, model, randomFeeds(b.model, 1, size));
  });

  test("leaves a Reshape with two unknown sizes", async () => {
    const b = new Build();
    const x = b.input("x", ["N", "M", 6]);
    const shape = b.op("Shape", [x]);
    const at = (i: number): Value => b.op("Gather", [shape, b.ints(i)], { axis: attr.int(0) });
    b.output(b.op("Reshape", [x, b.op("Concat", [at(1), at(0), b.ints(6)], { axis: attr.int(0) })]));
    await expectUntouched(shapeConstants, b);
  });
});

describe("running passes", () => {
  const pass = (name: string, edit: (model: Model) => boolean): Pass => ({ name, summary: name, run: (model) => ({ modified: edit(model) }) });
  const model = (): Model => new Build().output(new Build().op("Relu", [])).model;

  test("a disabled pass does not run, also inside a sequence", async () => {
    const seen: string[] = [];
    const list = sequence("list", ["a", "b"].map((name) => pass(name, () => (seen.push(name), false))));
    await runPass(list, model(), passContext({ disabled: ["a"] }));
    expect(seen).toEqual(["b"]);
  });

  test("a fixpoint repeats while something changes, and warns at its bound", async () => {
    let left = 3;
    const warnings: string[] = [];
    const ctx = passContext({ warn: (w) => warnings.push(w.code) });
    expect(await fixpoint(pass("count", () => left-- > 0)).run(model(), ctx)).toEqual({ modified: true });
    expect(await fixpoint(pass("idle", () => false)).run(model(), ctx)).toEqual({ modified: false });
    expect(warnings).toEqual([]);
    await fixpoint(pass("forever", () => true), 5).run(model(), ctx);
    expect(warnings).toEqual(["PASS_NO_FIXPOINT"]);
  });

  test("the verifier names the pass that broke the model", async () => {
    const b = new Build();
    b.output(b.op("Relu", [b.input("x", [2])]));
    const breaking = pass("breaking", (m) => (m.graph.outputs[0]!.producer!.setInput(0, new Node({ opType: "Neg" }).out), true));
    await expect(runPass(breaking, b.model, passContext({ verifyBetween: true }))).rejects.toThrow(/PASS_BROKE_MODEL: After the pass "breaking".*VERIFY_DANGLING/);
  });

  test("abort stops before the next pass", async () => {
    await expect(runPass(pass("a", () => false), model(), passContext({ signal: AbortSignal.abort(new Error("enough")) }))).rejects.toThrow("enough");
  });
});

describe("simplifyModel", () => {
  const network = (): Build => {
    const b = new Build(11);
    const x = b.input("x", ["N", 3, 8, 8]);
    const k = (name: string, tensor: Tensor) => b.graph.append(new Node({ opType: "Constant", outputs: [name], attributes: { value: attr.tensor(tensor) } })).out;
    const conv = b.op("Conv", [b.op("Identity", [x]), k("w", b.weight([4, 3, 3, 3]).tensor!)], { pads: attr.ints([1, 1, 1, 1]) });
    const norm = b.op("BatchNormalization", [conv, ...[0, 1, 2].map((i) => k(`p${i}`, b.weight([4]).tensor!)), k("p3", b.weight([4], "v", true).tensor!)]);
    const act = b.op("Div", [b.op("Mul", [norm, b.op("Clip", [b.op("Add", [norm, b.scalar(3)]), b.scalar(0), b.scalar(6)])]), b.scalar(6)]);
    const pooled = b.op("GlobalAveragePool", [act]);
    const batch = b.op("Slice", [b.op("Shape", [pooled]), b.ints(0), b.ints(1)]);
    const flat = b.op("Reshape", [pooled, b.op("Concat", [batch, b.ints(-1)], { axis: attr.int(0) })]);
    return b.output(b.op("Add", [b.op("MatMul", [flat, b.weight([4, 5])]), b.weight([5])]), "logits");
  };

  test("gives the same results with fewer nodes, and says which pass did what", async () => {
    const b = network();
    const model = b.model.clone();
    const report = await simplifyModel(model, {}, { verifyBetween: true });
    expect(opsOf(model)).toEqual(["Conv", "HardSigmoid", "Mul", "GlobalAveragePool", "Reshape", "Gemm"]);
    await expectSameResults(b.model, model, randomFeeds(b.model));
    expect([report.nodesBefore, report.nodesAfter]).toEqual([b.graph.nodeCount, 6]);
    expect(report.passes.reduce((sum, p) => sum + p.removedNodes, 0)).toBe(report.nodesBefore - report.nodesAfter);
    expect(report.passes.find((p) => p.name === "fold-batchnorm")).toMatchObject({ modified: 1 });
  });

  test("is a fixpoint: a second time changes nothing, and the text is stable", async () => {
    const one = network().model;
    await simplifyModel(one);
    const text = printModel(one);
    const again = await simplifyModel(one);
    expect(again.passes.every((p) => p.modified === 0)).toBe(true);
    expect(printModel(one)).toBe(text);
  });

  test("leaves out what is disabled, and knows its names", async () => {
    const { model } = network();
    await simplifyModel(model, { disable: ["fold-batchnorm", "fuse-hard-swish"] });
    expect(opsOf(model)).toContain("BatchNormalization");
    expect(opsOf(model)).not.toContain("HardSigmoid");
    await expect(simplifyModel(model, { disable: ["fold-batchnrom"] })).rejects.toThrow('PASS_UNKNOWN_NAME: There is no pass named "fold-batchnrom"');
  });

  test("works on a converted model as well", async () => {
    const b = network();
    const model = b.model.clone();
    await simplifyModel(model);
    convertOpset(model, 21);
    await simplifyModel(model);
    expect(opsOf(model)).toEqual(["Conv", "HardSwish", "GlobalAveragePool", "Reshape", "Gemm"]);
    await expectSameResults(b.model, model, randomFeeds(b.model));
  });
});
