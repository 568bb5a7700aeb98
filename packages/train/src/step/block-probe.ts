/** Finds out whether an engine has the blocked layout, and how wide its blocks are. */
import { Model, Tensor, tensorType, type Runtime } from "@lathe/core";
import { blockedConv, NCHWC } from "../grad/rules/conv/blocked.ts";
import { graphEmitter } from "./blocked.ts";

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

const CHANNELS = 16;
const SHAPE = [1, CHANNELS, 2, 2];

/** A 1x1 convolution of 16 channels with a kernel that puts channel i + 1 in place of channel i. */
async function agrees(runtime: Runtime, block: number): Promise<boolean> {
  const values = Float32Array.from({ length: CHANNELS * 4 }, (_, i) => i);
  const shift = Float32Array.from({ length: CHANNELS * CHANNELS }, (_, i) => (i % CHANNELS === (Math.floor(i / CHANNELS) + 1) % CHANNELS ? 1 : 0));
  const feeds = { x: Tensor.from("float32", SHAPE, values), w: Tensor.from("float32", [CHANNELS, CHANNELS, 1, 1], shift) };
  try {
    const session = await runtime.load(convolution(block));
    const out = await session.run(feeds).finally(() => session.dispose());
    return out["y"]!.toFloat32().every((v, i) => v === (i + 4) % (CHANNELS * 4));
  } catch {
    // An engine without these operators refuses the model.
    return false;
  }
}

function convolution(block: number): Model {
  const model = new Model({ opset: 18, irVersion: 8 });
  model.opsetImports.set(NCHWC, 1);
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", SHAPE));
  const weight = graph.addInput("w", tensorType("float32", [CHANNELS, CHANNELS, 1, 1]));
  const y = blockedConv(graphEmitter(graph, (node) => graph.append(node)), x, weight, null, {
    block, inChannels: CHANNELS, outChannels: CHANNELS, kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1,
  });
  y.name = "y";
  y.type = tensorType("float32", SHAPE);
  graph.addOutput(y);
  return model;
}
