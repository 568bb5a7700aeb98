/**
 * From the QDQ form to the QOperator form: DequantizeLinear -> op -> QuantizeLinear becomes one integer operator. For engines that do
 * not fuse QDQ themselves. Works on any QDQ graph, whoever made it; what has no integer operator keeps its Q and DQ.
 */
import { Node, Value, attr, tensorType, type Attribute, type Graph } from "@lathe/core";

/** An integer tensor with its parameters. */
interface Quantized {
  readonly values: Value;
  readonly scale: Value;
  readonly zeroPoint: Value;
}

interface Match {
  readonly node: Node;
  readonly opset: number;
  readonly output: Quantized;
  readonly quantize: Node;
  input(index: number): Quantized | undefined;
}

interface Replacement {
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly (Value | null)[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

type Rule = (m: Match) => Replacement | undefined;

const flat = (q: Quantized): Value[] => [q.values, q.scale, q.zeroPoint];
const target = (m: Match): Value[] => [m.output.scale, m.output.zeroPoint];
const microsoft = "com.microsoft";

/** int32 bias behind a DQ; null when the node has none, undefined when it is not quantized. */
function integerBias(m: Match): Value | null | undefined {
  const bias = m.node.input(2);
  if (!bias) return null;
  const values = bias.producer?.opType === "DequantizeLinear" ? bias.producer.input(0) : undefined;
  return values?.dtype === "int32" ? values : undefined;
}

const conv: Rule = (m) => {
  const [x, w, bias] = [m.input(0), m.input(1), integerBias(m)];
  if (!x || !w || bias === undefined) return undefined;
  return { opType: "QLinearConv", domain: "", inputs: [...flat(x), ...flat(w), ...target(m), ...(bias ? [bias] : [])], attributes: m.node.attributes };
};

const gemm: Rule = (m) => {
  const [a, b, bias] = [m.input(0), m.input(1), integerBias(m)];
  if (!a || !b || bias === undefined || m.node.float("beta", 1) !== 1) return undefined;
  const attributes = new Map([...m.node.attributes].filter(([name]) => name !== "beta"));
  return { opType: "QGemm", domain: microsoft, inputs: [...flat(a), ...flat(b), bias, ...target(m)], attributes };
};

const allInputs = (opType: string, domain: string, count: number, extra: Readonly<Record<string, Attribute>> = {}): Rule => (m) => {
  const inputs: Value[] = [];
  for (let i = 0; i < count; i++) {
    const q = m.input(i);
    if (!q) return undefined;
    inputs.push(...flat(q));
  }
  return { opType, domain, inputs: [...inputs, ...target(m)], attributes: new Map([...m.node.attributes, ...Object.entries(extra)]) };
};

const softmax: Rule = (m) => {
  const made = allInputs("QLinearSoftmax", microsoft, 1, { opset: attr.int(m.opset) })(m);
  return made && { ...made, attributes: new Map([["axis", attr.int(m.opset < 13 ? 1 : -1)], ...made.attributes]) };
};

const concat: Rule = (m) => {
  const parts = m.node.inputs.map((_, i) => m.input(i));
  if (parts.some((p) => !p)) return undefined;
  return { opType: "QLinearConcat", domain: microsoft, inputs: [...target(m), ...parts.flatMap((p) => flat(p!))], attributes: m.node.attributes };
};

const where: Rule = (m) => {
  const [x, y] = [m.input(1), m.input(2)];
  return x && y && { opType: "QLinearWhere", domain: microsoft, inputs: [m.node.input(0)!, ...flat(x), ...flat(y), ...target(m)], attributes: m.node.attributes };
};

/** Runs on the integers themselves: needs the same parameters on both sides. */
const move: Rule = (m) => {
  const x = m.input(0);
  if (!x || m.node.outputs.length !== 1 || x.scale !== m.output.scale || x.zeroPoint !== m.output.zeroPoint) return undefined;
  return { opType: m.node.opType, domain: "", inputs: [x.values, ...m.node.inputs.slice(1)], attributes: m.node.attributes };
};

const rules: Readonly<Record<string, Rule>> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: allInputs("QLinearMatMul", "", 2),
  Add: allInputs("QLinearAdd", microsoft, 2),
  Mul: allInputs("QLinearMul", microsoft, 2),
  Sigmoid: allInputs("QLinearSigmoid", microsoft, 1),
  LeakyRelu: allInputs("QLinearLeakyRelu", microsoft, 1),
  GlobalAveragePool: allInputs("QLinearGlobalAveragePool", microsoft, 1, { channels_last: attr.int(0) }),
  AveragePool: allInputs("QLinearAveragePool", microsoft, 1),
  Softmax: softmax,
  Concat: concat,
  Where: where,
  MaxPool: move,
  Reshape: move,
  Transpose: move,
  Flatten: move,
  Squeeze: move,
  Unsqueeze: move,
  Slice: move,
  Gather: move,
  Resize: move,
};

/** Rewrites in place; gives the number of nodes fused, by operator. */
export function fuseToQOperator(graph: Graph, opset: number): Record<string, number> {
  const fused: Record<string, number> = {};
  for (const node of graph.nodes) {
    const rule = node.domain === "" ? rules[node.opType] : undefined;
    const match = rule && matchNode(node, opset);
    const made = match && rule(match);
    if (!match || !made) continue;
    fused[node.opType] = (fused[node.opType] ?? 0) + 1;
    replace(match, made, graph);
  }
  dropUnused(graph);
  return fused;
}

function matchNode(node: Node, opset: number): Match | undefined {
  const output = node.output(0);
  const quantize = output?.consumers[0];
  if (!output || output.useCount !== 1 || output.isGraphOutput || quantize?.opType !== "QuantizeLinear" || !quantize.input(2)) return undefined;
  return {
    node,
    opset,
    quantize,
    output: { values: quantize.out, scale: quantize.input(1)!, zeroPoint: quantize.input(2)! },
    input: (index) => dequantized(node.input(index)),
  };
}

function dequantized(value: Value | undefined): Quantized | undefined {
  const dq = value?.producer;
  if (dq?.opType !== "DequantizeLinear" || !dq.input(2)) return undefined;
  return { values: dq.input(0)!, scale: dq.input(1)!, zeroPoint: dq.input(2)! };
}

function replace({ node, quantize, output }: Match, made: Replacement, graph: Graph): void {
  const value = new Value(output.values.name, tensorType(output.zeroPoint.dtype, node.out.shape));
  const fused = new Node({ opType: made.opType, domain: made.domain, name: node.name && `${node.name}_quant`, inputs: made.inputs, outputs: [value], attributes: made.attributes });
  graph.insertBefore(node, fused);
  graph.replaceUses(output.values, value);
  graph.remove(quantize);
  graph.remove(node);
}

function dropUnused(graph: Graph): void {
  for (const node of graph.nodesBackward) if (node.opType === "DequantizeLinear" && node.out.isUnused) graph.remove(node);
  for (const value of Array.from(graph.initializers)) if (value.isUnused) graph.removeInitializer(value);
}
