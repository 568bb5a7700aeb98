/**
 * A training step whose convolutions run in ONNX Runtime's blocked layout: an optional fast path beside the standard form, taken on
 * engines that prove to have it.
 */
import { Model, Node, Tensor, Value, tensorType, type Graph, type Runtime } from "@lathe/core";
import { blockedConv, fits, NCHWC, type BlockedConv, type Emitter } from "../grad/rules/conv/blocked.ts";

/** Rewrites the convolutions of the forward pass whose kernels change from step to step. */
export function useBlockedConvolutions(model: Model, block: number): void {
  const { graph } = model;
  model.opsetImports.set(NCHWC, 1);
  for (const node of [...graph.nodes]) {
    if (!node.is("Conv") || node.input(1)?.constant || node.out.isGraphOutput) continue;
    const g = sizesOf(node, block);
    if (!g || !fits(g)) continue;
    const y = blockedConv(emitterBefore(graph, node), node.input(0)!, node.input(1)!, node.input(2) ?? null, g);
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

function emitterBefore(graph: Graph, anchor: Node): Emitter {
  return {
    emit(opType, inputs, attributes = {}, domain = "") {
      const output = new Value(graph.freshName(`blocked/${opType}`));
      graph.insertBefore(anchor, new Node({ domain, opType, name: output.name, inputs, outputs: [output], attributes }));
      return output;
    },
    ints: (values) => graph.addInitializer(graph.freshName("blocked/const"), Tensor.int64(values)),
  };
}

/** Blocks that processors have: 16 with AVX-512, 8 with AVX and SSE. */
const candidates = [16, 8];
const found = new WeakMap<Runtime, Promise<number | undefined>>();

/**
 * The block of the engine's layout, or undefined when it has none. A wrong block gives wrong numbers without an error, so each candidate is
 * tried on a small convolution whose result is known.
 */
export function blockOf(runtime: Runtime): Promise<number | undefined> {
  const known = found.get(runtime) ?? probe(runtime);
  found.set(runtime, known);
  return known;
}

async function probe(runtime: Runtime): Promise<number | undefined> {
  // The operators exist everywhere in ONNX Runtime, their kernels are certain on this architecture alone.
  if (globalThis.process?.arch !== "x64" || !runtime.name.startsWith("onnxruntime-node")) return undefined;
  for (const block of candidates) if (await agrees(runtime, block)) return block;
  return undefined;
}

/** A 1x1 convolution of 16 channels with a kernel that puts channel i + 1 in place of channel i. */
async function agrees(runtime: Runtime, block: number): Promise<boolean> {
  const channels = 16;
  const model = new Model({ opset: 18, irVersion: 8 });
  model.opsetImports.set(NCHWC, 1);
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", [1, channels, 2, 2]));
  const weight = graph.addInput("w", tensorType("float32", [channels, channels, 1, 1]));
  const emitter: Emitter = {
    emit: (opType, inputs, attributes = {}, domain = "") => graph.add({ domain, opType, inputs, attributes }).out,
    ints: (values) => graph.addInitializer(graph.freshName("const"), Tensor.int64(values)),
  };
  const y = blockedConv(emitter, x, weight, null, { block, inChannels: channels, outChannels: channels, kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1 });
  y.name = "y";
  y.type = tensorType("float32", [1, channels, 2, 2]);
  graph.addOutput(y);
  try {
    const session = await runtime.load(model);
    const values = Float32Array.from({ length: channels * 4 }, (_, i) => i);
    const shift = Float32Array.from({ length: channels * channels }, (_, i) => (i % channels === (Math.floor(i / channels) + 1) % channels ? 1 : 0));
    const out = await session.run({ x: Tensor.from("float32", [1, channels, 2, 2], values), w: Tensor.from("float32", [channels, channels, 1, 1], shift) });
    await session.dispose();
    return out["y"]!.toFloat32().every((v, i) => v === (i + 4) % (channels * 4));
  } catch {
    return false;
  }
}
