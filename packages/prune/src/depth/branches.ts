/**
 * Residual branches of any graph, found by structure: where an Add puts what a branch computed onto the tensor that the branch started
 * from (the *stream*), of the same shape and type. Without the branch the Add gives the stream itself, so the rest of the graph stays valid.
 */
import type { Graph, Node, Value } from "@lathe/core";

export interface Branch {
  /** Name of the Add, made unique. */
  readonly name: string;
  readonly add: Node;
  /** Which input of the Add is the stream; the other is the branch. */
  readonly stream: 0 | 1;
  /** Nodes that only the branch needs: gone with it. */
  readonly nodes: ReadonlySet<Node>;
  /** Elements of the constants that only these nodes read. */
  readonly parameters: number;
  /** Axis along which the stream holds the features of one position: 1 where the branch convolves, else the last. */
  readonly featureAxis: number;
}

/** All residual branches of a graph whose shapes are inferred, in execution order. Branches without a matrix or kernel do not count. */
export function residualBranches(graph: Graph): Branch[] {
  const found: Branch[] = [];
  const streams = new Map<Value, Value>();
  const taken = new Set<string>();
  for (const add of graph.nodes) {
    if (!(add.is("Add") || add.is("Sum")) || add.inputs.length !== 2) continue;
    const stream = ([0, 1] as const).find((i) => isStream(add, i, streams));
    if (stream === undefined) continue;
    const nodes = onlyFor(add, 1 - stream);
    const constants = constantsOf(nodes);
    if (!constants.some((value) => (value.tensor?.dims.length ?? 0) > 1)) continue;
    streams.set(add.out, add.input(stream)!);
    found.push({
      name: unique(add.label, taken), add, stream, nodes,
      parameters: constants.reduce((sum, value) => sum + value.tensor!.size, 0),
      featureAxis: [...nodes].some((node) => node.is("Conv")) ? 1 : (add.out.rank ?? 1) - 1,
    });
  }
  return found;
}

/** True when input `i` has the type of the sum, and the other input was computed from it or from an earlier place of the same stream. */
function isStream(add: Node, i: 0 | 1, streams: ReadonlyMap<Value, Value>): boolean {
  const [stream, branch] = [add.input(i), add.input(1 - i)];
  if (!stream || !branch || stream.constant || branch.constant || stream === branch || !sameType(stream, add.out)) return false;
  const chain = new Set<Value>();
  for (let at: Value | undefined = stream; at && !chain.has(at); at = streams.get(at)) chain.add(at);
  return reaches(branch, chain);
}

/** Equal element type and shape, with every dimension a number or the same name. */
function sameType(a: Value, b: Value): boolean {
  const [x, y] = [a.shape, b.shape];
  return a.dtype !== undefined && a.dtype === b.dtype && x !== undefined && y?.length === x.length && x.every((d, i) => d !== null && d === y[i]);
}

/** True when one of `goals` is among the things that `from` is computed from. */
function reaches(from: Value, goals: ReadonlySet<Value>): boolean {
  const seen = new Set<Value>();
  const open = [from];
  for (let value = open.pop(); value; value = open.pop()) {
    if (goals.has(value)) return true;
    if (seen.has(value)) continue;
    seen.add(value);
    for (const input of value.producer?.inputs ?? []) if (input) open.push(input);
  }
  return false;
}

/** Nodes whose results nothing reads but, in the end, input `index` of `add`. */
function onlyFor(add: Node, index: number): Set<Node> {
  const found = new Set<Node>();
  const open = [add.input(index)?.producer];
  while (open.length > 0) {
    const node = open.pop();
    if (!node || found.has(node)) continue;
    const isOnly = node.outputs.every((value) => !value || (!value.isGraphOutput && value.uses.every((use) => found.has(use.node) || (use.node === add && use.index === index))));
    if (!isOnly) continue;
    found.add(node);
    for (const input of node.inputs) open.push(input?.producer);
  }
  return found;
}

/** Constants that nothing else reads. */
function constantsOf(nodes: ReadonlySet<Node>): Value[] {
  const all = new Set([...nodes].flatMap((node) => node.inputs.filter((value): value is Value => value?.isInitializer === true && value.dtype?.includes("float") === true)));
  return [...all].filter((value) => !value.isGraphOutput && value.consumers.every((node) => nodes.has(node)));
}

function unique(name: string, taken: Set<string>): string {
  let result = name;
  for (let i = 1; taken.has(result); i++) result = `${name}#${i}`;
  taken.add(result);
  return result;
}
