/** A training step whose convolutions run in ONNX Runtime's blocked layout: an optional fast path beside the standard form. */
import { Node, Tensor, Value, type Graph, type Model } from "@lathe/core";
import { blockedConv, fits, NCHWC, type BlockedConv, type Emitter } from "../grad/rules/conv/blocked.ts";

/** Rewrites the convolutions of the forward pass whose kernels change from step to step. */
export function useBlockedConvolutions(model: Model, block: number): void {
  const { graph } = model;
  model.opsetImports.set(NCHWC, 1);
  for (const node of [...graph.nodes]) {
    if (!node.is("Conv") || node.input(1)?.constant || node.out.isGraphOutput) continue;
    const g = sizesOf(node, block);
    if (!g || !fits(g)) continue;
    const y = blockedConv(graphEmitter(graph, (made) => graph.insertBefore(node, made)), node.input(0)!, node.input(1)!, node.input(2) ?? null, g);
    y.type = node.out.type;
    const { name } = node.out;
    graph.replaceUses(node.out, y);
    graph.remove(node);
    y.name = name;
  }
}

/** undefined for shapes that are not known in full, or auto_pad. */
function sizesOf(node: Node, block: number): BlockedConv | undefined {
  const weight = node.input(1)?.shape;
  if (weight?.length !== 4 || !weight.every((d) => typeof d === "number") || node.string("auto_pad", "NOTSET") !== "NOTSET") return undefined;
  const [outChannels = 0, perGroup = 0, ...kernel] = weight as number[];
  const group = node.int("group", 1);
  const inChannels = perGroup * group;
  return { block, inChannels, outChannels, kernel, strides: node.ints("strides", [1, 1]), dilations: node.ints("dilations", [1, 1]), pads: node.ints("pads", [0, 0, 0, 0]), group };
}

/** Writes into a graph, each node where `put` puts it. */
export const graphEmitter = (graph: Graph, put: (node: Node) => void): Emitter => ({
  emit(opType, inputs, attributes = {}, domain = "") {
    const output = new Value(graph.freshName(`blocked/${opType}`));
    put(new Node({ domain, opType, name: output.name, inputs, outputs: [output], attributes }));
    return output;
  },
  ints: (values) => graph.addInitializer(graph.freshName("blocked/const"), Tensor.int64(values)),
});
