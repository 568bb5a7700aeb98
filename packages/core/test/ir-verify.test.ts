/** Each row breaks a sound model in one way and says what verify finds. */
import { describe, expect, test } from "vitest";
import { assertValid, attr, Graph, Model, Node, opTable, Tensor, tensorType, Value, verify, type FunctionDef, type OpDef, type OpSchema } from "@lathe/core";

const parameter = (name: string, type = "T", option: "single" | "optional" | "variadic" = "single") => ({ name, type, option, homogeneous: true, min: 1 });
const schema = (init: Partial<OpSchema>): OpSchema => ({
  since: 1, deprecated: false, inputs: [parameter("x")], outputs: [parameter("y")], attributes: new Map(),
  types: new Map([["T", ["float32", "int64"]]]), ...init,
});
const defs: OpDef[] = [
  { domain: "", name: "Relu", schemas: [schema({})] },
  { domain: "", name: "Add", schemas: [schema({ inputs: [parameter("a"), parameter("b")] })] },
  { domain: "", name: "Concat", schemas: [schema({ inputs: [parameter("x", "T", "variadic")], attributes: new Map([["axis", { name: "axis", kind: "int", required: true }]]) })] },
  { domain: "", name: "Clip", schemas: [schema({ inputs: [parameter("x"), parameter("min", "T", "optional"), parameter("max", "T", "optional")] })] },
  { domain: "", name: "If", schemas: [schema({ inputs: [parameter("c", "bool")], attributes: new Map(["then_branch", "else_branch"].map((name) => [name, { name, kind: "graph" as const, required: true }])) })] },
  { domain: "", name: "Upsample", schemas: [schema({ since: 7 }), schema({ since: 10, deprecated: true })] },
  { domain: "", name: "Gelu", schemas: [schema({ since: 20 })] },
];
const ops = opTable(defs);

/** y = Relu(x + w), and z = If(c) { Relu(sum) } else { Add(sum, sum) }. */
function sound(): { model: Model; graph: Graph; add: Node; relu: Node; branch: Graph; other: Graph; ifNode: Node } {
  const model = new Model({ opset: 21 });
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", [2]));
  const c = graph.addInput("c", tensorType("bool", []));
  const w = graph.addInitializer("w", Tensor.from("float32", [2], [1, 2]));
  const add = graph.add({ opType: "Add", name: "add", inputs: [x, w], outputs: ["sum"] });
  const relu = graph.add({ opType: "Relu", name: "relu", inputs: [add.out], outputs: ["y"] });
  const branch = new Graph("then");
  branch.addOutput(branch.add({ opType: "Relu", name: "inner", inputs: [add.out], outputs: ["t"] }).out);
  const other = new Graph("else");
  other.addOutput(other.add({ opType: "Add", name: "twice", inputs: [add.out, add.out], outputs: ["e"] }).out);
  const ifNode = graph.add({ opType: "If", name: "if", inputs: [c], outputs: ["z"], attributes: { then_branch: attr.graph(branch), else_branch: attr.graph(other) } });
  graph.addOutput(relu.out);
  graph.addOutput(ifNode.out);
  return { model, graph, add, relu, branch, other, ifNode };
}

const codes = (model: Model): string[] => verify(model, { ops }).map((i) => `${i.severity} ${i.error.code}`);

test("a sound model has no findings, with and without an operator table", () => {
  expect(verify(sound().model)).toEqual([]);
  expect(codes(sound().model)).toEqual([]);
});

type Broken = (m: ReturnType<typeof sound>) => void;
const rows: [string, string[], Broken][] = [
  ["a value that no graph owns", ["error VERIFY_DANGLING"], ({ relu }) => relu.setInput(0, new Value("lost"))],
  ["the output of a removed node", ["error VERIFY_DANGLING"], ({ graph, relu, add }) => {
    const extra = graph.insertBefore(relu, new Node({ opType: "Relu", inputs: [add.out], outputs: ["gone"] }));
    graph.remove(extra);
    relu.setInput(0, extra.out);
  }],
  ["a value of a sibling subgraph", ["error VERIFY_NOT_VISIBLE"], ({ branch, other }) => other.firstNode!.setInput(1, branch.firstNode!.out)],
  ["a value of a subgraph read outside", ["error VERIFY_NOT_VISIBLE"], ({ branch, relu }) => relu.setInput(0, branch.firstNode!.out)],
  ["a value made later", ["error VERIFY_ORDER"], ({ graph, add, relu }) => graph.moveBefore(add, relu)],
  ["a capture made later", ["error VERIFY_ORDER", "error VERIFY_ORDER", "error VERIFY_ORDER"], ({ graph, add, ifNode }) => graph.moveBefore(add, ifNode)],
  ["a use list edited by hand", ["error VERIFY_USES"], ({ add }) => add.out.slots.clear()],
  ["an origin edited by hand", ["error VERIFY_ORIGIN"], ({ relu, add }) => void (relu.out.origin = { kind: "output", node: add, index: 0 })],
  ["one subgraph held by two nodes", ["error VERIFY_PARENT"], ({ branch }) => void (branch.parent = new Node({ opType: "If" }))],
  ["an unnamed output", ["error VERIFY_OUTPUT"], ({ relu }) => void (relu.out.name = "")],
  ["two outputs of one name", ["error VERIFY_OUTPUT"], ({ relu }) => void (relu.out.name = "z")],
  ["one value as two outputs", ["error VERIFY_OUTPUT"], ({ graph, relu }) => graph.addOutput(relu.out)],
  ["an output that the graph does not make", ["error VERIFY_OUTPUT"], ({ graph }) => graph.addOutput(new Value("lost"))],
  ["two inputs of one name", ["error VERIFY_INPUT_NAME"], ({ graph }) => graph.addInput("x")],
  ["an initializer without content", ["error VERIFY_INITIALIZER"], ({ graph }) => void ([...graph.initializers][0]!.tensor = undefined)],
  ["an initializer typed otherwise", ["error VERIFY_INITIALIZER"], ({ graph }) => void ([...graph.initializers][0]!.type = tensorType("float32", [3]))],
  ["a domain that is not imported", ["error VERIFY_OPSET"], ({ graph, relu }) => graph.add({ opType: "Foo", domain: "my.ops", inputs: [relu.out] })],
  ["an operator nobody knows", ["warning VERIFY_UNKNOWN_OP"], ({ graph, relu }) => graph.add({ opType: "Foo", inputs: [relu.out] })],
  ["an operator newer than the opset", ["error VERIFY_OP_VERSION"], ({ model, relu }) => void ((relu.opType = "Gelu"), model.opsetImports.set("", 19))],
  ["a deprecated operator", ["error VERIFY_OP_VERSION"], ({ relu }) => void (relu.opType = "Upsample")],
  ["too many inputs", ["error VERIFY_ARITY"], ({ relu, add }) => relu.addInput(add.out)],
  ["too few variadic inputs", ["error VERIFY_ARITY"], ({ graph }) => graph.add({ opType: "Concat", attributes: { axis: attr.int(0) } })],
  ["a missing required input", ["error VERIFY_REQUIRED"], ({ add }) => add.setInput(1, null)],
  ["a missing required attribute", ["error VERIFY_REQUIRED"], ({ graph, relu }) => graph.add({ opType: "Concat", inputs: [relu.out] })],
  ["an attribute of the wrong kind", ["error VERIFY_ATTRIBUTE"], ({ graph, relu }) => graph.add({ opType: "Concat", inputs: [relu.out], attributes: { axis: attr.float(0) } })],
  ["an attribute the operator does not have", ["error VERIFY_ATTRIBUTE"], ({ relu }) => relu.setAttribute("alpha", attr.float(1))],
  ["a function attribute outside a function", ["error VERIFY_ATTRIBUTE", "error VERIFY_ATTRIBUTE"], ({ relu }) => relu.setAttribute("alpha", { kind: "float", ref: "a" })],
  ["a type the operator does not take", ["error VERIFY_TYPE"], ({ relu }) => void (relu.out.type = tensorType("string", [2]))],
  ["two types for one type variable", ["error VERIFY_TYPE"], ({ relu, add }) => void ((add.out.type = tensorType("float32")), (relu.out.type = tensorType("int64")))],
];

describe("finds", () => {
  test.each(rows)("%s", (_what, expected, broken) => {
    const made = sound();
    broken(made);
    expect(codes(made.model)).toEqual(expected);
    const errors = expected.filter((c) => c.startsWith("error"));
    if (errors.length > 0) expect(() => assertValid(made.model, { ops })).toThrow(errors[0]!.slice(6));
    else expect(() => assertValid(made.model, { ops })).not.toThrow();
  });

  test("the message names the node, the value and the remedy", () => {
    const { model, relu } = sound();
    relu.setInput(0, new Value("lost"));
    expect(() => assertValid(model)).toThrow('VERIFY_DANGLING: Input 0 of node "relu" reads "lost", which nothing in the model makes. Redirect the consumers of a node before removing it.');
  });
});

describe("optional inputs", () => {
  test("may be absent in the middle", () => {
    const { model, graph, add } = sound();
    graph.add({ opType: "Clip", inputs: [add.out, null, graph.addInitializer("hi", Tensor.scalar("float32", 6))] });
    expect(codes(model)).toEqual([]);
  });
});

describe("functions", () => {
  const fn = (name: string, calls: string[], more: Partial<FunctionDef> = {}): FunctionDef => {
    const body = new Graph(name);
    let value = body.addInput("X");
    for (const called of calls) value = body.add({ opType: called, domain: "f", inputs: [value] }).out;
    body.addOutput(body.add({ opType: "Relu", inputs: [value] }).out);
    return { domain: "f", name, overload: "", body, attributes: [], attributeDefaults: new Map(), opsetImports: new Map([["", 21]]), ...more };
  };
  const withFunctions = (...all: FunctionDef[]): Model => {
    const { model, graph, relu } = sound();
    model.functions = new Map(all.map((f) => [`f::${f.name}::`, f]));
    graph.add({ opType: all[0]!.name, domain: "f", inputs: [relu.out] });
    return model;
  };

  test("calls resolve without an opset import", () => expect(codes(withFunctions(fn("A", ["B"]), fn("B", [])))).toEqual([]));
  test("a function that calls itself through another is an error", () => expect(codes(withFunctions(fn("A", ["B"]), fn("B", ["A"])))).toEqual(["error VERIFY_FUNCTION"]));
  test("a long chain of calls is an error, however deep", () => {
    const deep = Array.from({ length: 20_000 }, (_, i) => fn(`F${i}`, i === 19_999 ? [] : [`F${i + 1}`]));
    expect(new Set(codes(withFunctions(...deep)))).toEqual(new Set(["error VERIFY_FUNCTION"]));
  });
  test("a reference to an attribute that is not declared is an error", () => {
    const broken = fn("A", []);
    broken.body.firstNode!.setAttribute("alpha", { kind: "float", ref: "missing" });
    expect(verify(withFunctions(broken)).map((i) => i.error.code)).toEqual(["VERIFY_FUNCTION"]);
    const declared = fn("A", [], { attributes: ["alpha"] });
    declared.body.firstNode!.setAttribute("alpha", { kind: "float", ref: "alpha" });
    expect(verify(withFunctions(declared))).toEqual([]);
  });
});
