/** From what a caller calls a model to what the engine loads. */
import { encodeProto, modelToProto, sparseOf, type GraphProto, type Model, type ModelSource, type Tensor } from "@lathe/core";
import type { ExternalData, RawModel } from "./engine/raw.ts";

/** Smaller tensors (shapes, axes, scales) stay in the model, where ONNX Runtime's shape inference looks for them. */
const EXTERNAL_FROM = 4096;

/**
 * The weights of a model in memory are handed over as in-memory external data: only the structure is serialised,
 * so a large model is not written a second time. A path is opened by ONNX Runtime itself, external data included: it follows links,
 * so files from strangers are better read with `loadModel` of core, which checks them.
 * @param stopper name of an empty sequence that becomes the first output (of a model in memory)
 */
export function rawModel(source: ModelSource, stopper?: string): RawModel {
  if (typeof source === "string") return { kind: "path", path: source };
  if (source instanceof Uint8Array) return { kind: "bytes", bytes: source, external: [] };
  const external: ExternalData[] = [];
  const proto = modelToProto(source, placement(source, external));
  const graph = stopper === undefined ? proto.graph : withSequence(proto.graph!, stopper);
  return { kind: "bytes", bytes: encodeProto("ModelProto", { ...proto, graph }), external };
}

/** An empty sequence as the first output: write-into.ts. */
function withSequence(graph: GraphProto, name: string): GraphProto {
  const float = 1;
  const node = { opType: "SequenceEmpty", name, output: [name] };
  const output = { name, type: { sequenceType: { elemType: { tensorType: { elemType: float } } } } };
  return { ...graph, node: [...(graph.node ?? []), node], output: [output, ...(graph.output ?? [])] };
}

function placement(model: Model, external: ExternalData[]) {
  const large = new Set<Tensor>();
  for (const { tensor } of model.graph.initializers) if (tensor && isLarge(tensor)) large.add(tensor);
  const paths = new Map<Tensor, string>();
  return (tensor: Tensor): { key: string; value: string }[] | undefined => {
    if (!large.has(tensor)) return undefined;
    const path = paths.get(tensor) ?? `weights/${paths.size}`;
    if (!paths.has(tensor)) external.push({ path, data: tensor.bytes() });
    paths.set(tensor, path);
    return [{ key: "location", value: path }, { key: "offset", value: "0" }, { key: "length", value: String(tensor.byteLength) }];
  };
}

const isLarge = (tensor: Tensor): boolean => tensor.dtype !== "string" && !sparseOf(tensor) && tensor.byteLength >= EXTERNAL_FROM;
