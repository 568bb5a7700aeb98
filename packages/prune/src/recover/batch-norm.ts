/** Statistics of BatchNormalization measured again after a cut: no labels, no gradients. */
import { Node, Tensor, attr, convertOpset, feedsOf, inferShapes, type Feeds, type Model, type OpTable, type Runtime, type Value } from "@lathe/core";

/** From this operator set on BatchNormalization has the attribute training_mode and three outputs. */
const TRAINING_MODE = 14;

interface Moments {
  readonly mean: Float64Array;
  readonly square: Float64Array;
  readonly variance: Float64Array;
}

/**
 * Replaces running mean and variance of every BatchNormalization by those of the samples (batches of one example do as well when the
 * activations have spatial axes). Within a batch, each layer already sees inputs that were normalised with the batch's own statistics.
 * Variance over all samples = mean of the batch variances + variance of the batch means. Gives the number of layers.
 */
export async function estimateBatchNorm(model: Model, batches: readonly Feeds[], { runtime, ops, signal }: { runtime: Runtime; ops: OpTable; signal?: AbortSignal }): Promise<number> {
  const own = [...model.graph.nodes].filter((node) => node.is("BatchNormalization") && node.input(3)?.isInitializer && node.input(4)?.isInitializer);
  if (own.length === 0) return 0;
  const copy = model.clone();
  inferShapes(copy, { ops });
  if (copy.opset < TRAINING_MODE) convertOpset(copy, TRAINING_MODE, { ops });
  const twins = [...copy.graph.nodes].filter((node) => node.is("BatchNormalization") && node.input(3)?.isInitializer && node.input(4)?.isInitializer);
  const outputs = twins.map((node, i) => measuring(copy, node, i));
  const session = await runtime.load(copy, signal ? { signal } : {});
  const moments = own.map((node): Moments => { const n = node.input(3)!.tensor!.size; return { mean: new Float64Array(n), square: new Float64Array(n), variance: new Float64Array(n) }; });
  try {
    for (const feeds of batches) {
      const found = await session.run(feedsOf(session.inputs, feeds), { fetches: outputs.flat(), ...(signal ? { signal } : {}) });
      outputs.forEach(([mean, variance], i) => add(moments[i]!, found[mean]!.toFloat32(), found[variance]!.toFloat32()));
    }
  } finally {
    await session.dispose();
  }
  own.forEach((node, i) => set(model, node, moments[i]!, batches.length));
  return own.length;
}

/** The node in training mode; with momentum 0 its "running" outputs are those of the batch alone. */
function measuring({ graph }: Model, node: Node, i: number): [string, string] {
  const attributes = { ...Object.fromEntries(node.attributes), training_mode: attr.int(1), momentum: attr.float(0) };
  const outputs = [`statistics/y_${i}`, `statistics/mean_${i}`, `statistics/variance_${i}`] as const;
  const made = graph.insertBefore(node, new Node({ opType: "BatchNormalization", inputs: node.inputs.slice(), outputs, attributes }));
  graph.replaceUses(node.out, made.out);
  graph.remove(node);
  for (const value of made.outputs.slice(1)) graph.addOutput(value!);
  return [outputs[1], outputs[2]];
}

function add({ mean, square, variance }: Moments, m: Float32Array, v: Float32Array): void {
  for (let c = 0; c < mean.length; c++) {
    mean[c]! += m[c]!;
    square[c]! += m[c]! * m[c]!;
    variance[c]! += v[c]!;
  }
}

function set({ graph }: Model, node: Node, { mean, square, variance }: Moments, count: number): void {
  const replace = (index: number, values: Float64Array): void => {
    const value: Value = node.input(index)!;
    const tensor = Tensor.from("float32", value.tensor!.dims, Float32Array.from(values));
    if (value.useCount === 1) graph.setInitializer(value, tensor);
    else node.setInput(index, graph.addInitializer(value.name, tensor));
  };
  const average = mean.map((m) => m / count);
  replace(3, average);
  replace(4, variance.map((v, c) => v / count + Math.max(0, square[c]! / count - average[c]! ** 2)));
}
