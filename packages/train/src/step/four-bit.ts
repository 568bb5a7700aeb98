/**
 * Four-bit values inside a step become bytes. ONNX Runtime 1.30 takes a 4-bit tensor to be as large as one of bytes of the same shape when it
 * looks for memory to use again, and so lets booleans of a gradient write beyond a weight's end.
 */
import { Node, Tensor, Value, attr, dtypes, tensorType, type DType, type Graph } from "@lathe/core";

interface Wider {
  readonly dtype: DType;
  readonly low: number;
  readonly high: number;
}

const widerOf: Readonly<Record<string, Wider>> = {
  int4: { dtype: "int8", low: -8, high: 7 }, uint4: { dtype: "uint8", low: 0, high: 15 },
  int2: { dtype: "int8", low: -2, high: 1 }, uint2: { dtype: "uint8", low: 0, high: 3 },
};

/** q = clip(round(x / s) + z) to the 4-bit range, held in 8 bits: the same numbers. Zero points are constants or absent. */
export function widenFourBit(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    const wider = node.is("QuantizeLinear") ? widerOf[node.out.dtype ?? ""] : undefined;
    const zero = node.input(2);
    if (wider && (!zero || zero.constant)) widen(graph, node, wider);
  }
}

function widen(graph: Graph, node: Node, { dtype, low, high }: Wider): void {
  const constant = (what: string, dims: readonly number[], values: readonly number[]): Value => graph.addInitializer(graph.freshName(`${node.label}/${what}`), Tensor.from(dtype, dims, values));
  const type = tensorType(dtype, node.out.shape);
  const clip = graph.insertAfter(node, new Node({
    opType: "Clip", name: `${node.label}/clip`, inputs: [node.out, constant("low", [], [low]), constant("high", [], [high])], outputs: [new Value(`${node.out.name}/clipped`, type)],
  }));
  const old = node.input(2)?.constant;
  if (old) {
    const zero = constant("zero", old.dims, old.toNumbers());
    node.setInput(2, zero);
    for (const { node: reader } of [...node.out.uses]) if (reader.is("DequantizeLinear")) reader.setInput(2, zero);
  }
  if (!old || node.attributes.has("output_dtype")) node.attributes.set("output_dtype", attr.int(dtypes[dtype].id));
  graph.replaceUses(node.out, clip.out, clip);
  node.out.type = type;
}
