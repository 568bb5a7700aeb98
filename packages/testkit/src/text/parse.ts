/** Models from text, for cases that people can read and review. The inverse of core's printer, short of local functions. */
import { Graph, Model, Node, Value, type Attribute } from "@lathe/core";
import { parseAttribute, parseTensor, parseType } from "./literals.ts";
import { Cursor } from "./tokens.ts";

/**
 * Reads what `printModel` writes, when all tensor elements are there.
 *
 * @example
 * model ir 10, ai.onnx 21
 * graph main(x: float32[N,2]) -> (y: float32[N,2]) {
 *   w: float32[2] = [1, 2]
 *   y: float32[N,2] = Mul(x, w)
 * }
 * @throws TESTKIT_TEXT naming the line, what was expected and what came.
 */
export function parseModel(text: string): Model {
  const c = new Cursor(text);
  c.expect("model");
  c.expect("ir");
  const irVersion = integer(c);
  const imports = new Map<string, number>();
  while (c.take(",")) {
    const domain = c.word("a domain");
    imports.set(domain === "ai.onnx" ? "" : domain, integer(c));
  }
  c.expect("graph");
  const model = new Model({ graph: parseGraph(c, undefined), irVersion, opsetImports: imports });
  if (c.peek().kind !== "end") c.fail("the end of the model");
  return model;
}

/** Values by name; a subgraph sees those around it. */
class Scope {
  readonly #values = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer: Scope | undefined) {
    this.#outer = outer;
  }

  define(name: string, value: Value): void {
    this.#values.set(name, value);
  }

  find(name: string): Value | undefined {
    return this.#values.get(name) ?? this.#outer?.find(name);
  }
}

/** From the graph's name on. */
function parseGraph(c: Cursor, outer: Scope | undefined): Graph {
  const graph = new Graph(c.word("the graph's name"));
  const scope = new Scope(outer);
  c.expect("(");
  c.list(")", () => parseInput(c, graph, scope));
  c.expect("->");
  c.expect("(");
  const outputs = c.list(")", () => ({ name: c.word("an output"), type: (c.expect(":"), parseType(c)) }));
  c.expect("{");
  while (!c.take("}")) parseLine(c, graph, scope);
  for (const { name, type } of outputs) {
    const value = scope.find(name) ?? c.fail(`a definition of the output "${name}" before`);
    value.type = type ?? value.type;
    graph.addOutput(value);
  }
  return graph;
}

function parseInput(c: Cursor, graph: Graph, scope: Scope): void {
  const name = c.word("an input");
  c.expect(":");
  const type = parseType(c);
  scope.define(name, graph.addInput(name, type, c.take("=") ? parseTensor(c, type) : undefined));
}

/** "w: float32[2] = [1, 2]", or "y: float32[2], z = Op(x, w) { ... }" with subgraphs below. */
function parseLine(c: Cursor, graph: Graph, scope: Scope): void {
  const outputs = [parseOutput(c)];
  while (c.take(",")) outputs.push(parseOutput(c));
  c.expect("=");
  const isNode = c.peek().kind === "word" && c.peek(1).text === "(";
  if (isNode) return parseNode(c, graph, scope, outputs);
  const [first] = outputs;
  const name = first?.name ?? c.fail("a name for the constant");
  scope.define(name, graph.addInitializer(name, parseTensor(c, first?.type)));
}

function parseOutput(c: Cursor): Value | undefined {
  const name = c.word("a name");
  const type = c.take(":") ? parseType(c) : undefined;
  return name === "-" ? undefined : new Value(name, type);
}

function parseNode(c: Cursor, graph: Graph, scope: Scope, outputs: readonly (Value | undefined)[]): void {
  const op = c.word("an operator");
  c.expect("(");
  const inputs = c.list(")", () => {
    const name = c.word("an input");
    return name === "-" ? null : (scope.find(name) ?? c.fail(`a definition of "${name}" before it is used`));
  });
  const attributes = new Map<string, Attribute>(c.take("{") ? c.list("}", () => [c.word("an attribute"), (c.expect("="), parseAttribute(c))]) : []);
  // A subgraph begins with two words; the next line has a sign after the first.
  while (c.peek().kind === "word" && c.peek(1).kind === "word") attributes.set(c.next().text, { kind: "graph", value: parseGraph(c, scope) });
  const dot = op.lastIndexOf(".");
  graph.append(new Node({ opType: op.slice(dot + 1), domain: op.slice(0, Math.max(dot, 0)), inputs, outputs: outputs.map((v) => v ?? null), attributes }));
  for (const output of outputs) if (output) scope.define(output.name, output);
}

function integer(c: Cursor): number {
  const word = c.word("a version");
  return /^\d+$/.test(word) ? Number(word) : c.fail(`a version instead of "${word}"`);
}
