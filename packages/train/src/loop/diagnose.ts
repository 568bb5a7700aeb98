/** Finds where NaN or infinity first came from, after the fact. */
import { isFloat, type Feeds, type Model, type Runtime, type Tensor } from "@lathe/core";

/**
 * Runs the graph once more with all intermediate results and names the first node, in order, whose float output is not finite although
 * its inputs are; or the fed tensor that already was not.
 */
export async function firstNonFinite(model: Model, feeds: Feeds, runtime: Runtime, signal?: AbortSignal): Promise<string> {
  for (const [name, tensor] of Object.entries(feeds)) if (isBad(tensor)) return `"${name}", which was fed to it, is not finite already`;
  const copy = model.clone();
  const { graph } = copy;
  const values = [...graph.nodes].flatMap((node) => node.outputs.flatMap((v) => (v && isFloat(v.dtype ?? "float32") ? [{ node, value: v }] : [])));
  while (graph.outputs.length > 0) graph.removeOutput(0);
  for (const { value } of values) graph.addOutput(value);
  const abortable = signal ? { signal } : {};
  const session = await runtime.load(copy, { optimization: "disabled", ...abortable });
  try {
    const results = await session.run(feeds, abortable);
    const bad = values.find(({ value }) => isBad(results[value.name]!));
    return bad ? `the first non-finite value comes from ${bad.node.op} (node "${bad.node.label}")` : "no single node could be made out";
  } finally {
    await session.dispose();
  }
}

const isBad = (tensor: Tensor): boolean => isFloat(tensor.dtype) && !tensor.toFloat32().every((v) => Number.isFinite(v));
