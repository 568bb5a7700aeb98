/** SQNR of every quantized tensor, ranked: where the noise comes in. */
import { feedsOf, inferShapes, type Feeds, type Model, type Runtime } from "@lathe/core";
import { addNoise, sqnr, type Noise } from "./noise.ts";
import { patient } from "../sessions.ts";

export interface TensorNoise {
  readonly tensor: string;
  /** Noise of all quantization up to here, in decibels. */
  readonly sqnr: number;
}

const suffix = "_DequantizeLinear_Output";

/**
 * Compares each activation of the float model with its dequantized counterpart in the QDQ model made from it, worst first.
 * Tensors whose Relu or Clip was absorbed are compared under the name they have in both.
 */
export async function tensorNoise(float: Model, quantized: Model, runtime: Runtime, samples: Iterable<Feeds> | AsyncIterable<Feeds>, signal?: AbortSignal): Promise<TensorNoise[]> {
  const typed = float.clone();
  inferShapes(typed);
  const pairs = pairsOf(typed, quantized);
  const abortable = signal ? { signal } : {};
  const first = await runtime.load(withOutputs(typed, new Set(pairs.keys())), { ...patient, ...abortable, optimization: "disabled" });
  const second = await runtime.load(withOutputs(quantized, new Set(pairs.values())), { ...patient, ...abortable, optimization: "disabled" });
  const noises = new Map<string, Noise>([...pairs.keys()].map((name) => [name, { signal: 0, noise: 0 }]));
  try {
    for await (const sample of samples) {
      signal?.throwIfAborted();
      const a = await first.run(feedsOf(first.inputs, sample), { fetches: [...pairs.keys()], ...abortable });
      const b = await second.run(feedsOf(second.inputs, sample), { fetches: [...pairs.values()], ...abortable });
      for (const [name, other] of pairs) addNoise(noises.get(name)!, a[name]!.toFloat32(), b[other]!.toFloat32());
    }
  } finally {
    await first.dispose();
    await second.dispose();
  }
  return [...noises].map(([tensor, noise]) => ({ tensor, sqnr: sqnr(noise) })).sort((a, b) => a.sqnr - b.sqnr);
}

/** Names of activations in the float model, with the name of the dequantized value in the other. */
function pairsOf(float: Model, quantized: Model): Map<string, string> {
  const restored = new Set([...quantized.graph.values()].map((v) => v.name));
  const pairs = new Map<string, string>();
  for (const node of float.graph.nodes) {
    for (const value of node.outputs) {
      if (!value || value.dtype !== "float32") continue;
      if (restored.has(value.name + suffix)) pairs.set(value.name, value.name + suffix);
      else if (value.isGraphOutput && restored.has(value.name)) pairs.set(value.name, value.name);
    }
  }
  return pairs;
}

function withOutputs(model: Model, names: ReadonlySet<string>): Model {
  const copy = model.clone();
  for (const value of Array.from(copy.graph.values())) if (names.has(value.name) && !value.isGraphOutput) copy.graph.addOutput(value);
  return copy;
}
