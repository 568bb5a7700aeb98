/** Outputs of two models side by side, as the pruning benches compare them. */
import type { Feeds, ModelSource, Runtime } from "@lathe/core";

export type FloatOutputs = Readonly<Record<string, Float32Array>>;

/** The float32 outputs of a model that runs exactly as written. */
export async function floatOutputs(model: ModelSource, feeds: Feeds, runtime: Runtime): Promise<FloatOutputs> {
  const session = await runtime.load(model, { optimization: "disabled" });
  try {
    const results = await session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!])));
    return Object.fromEntries(Object.entries(results).filter(([, t]) => t.dtype === "float32").map(([name, t]) => [name, t.toFloat32()]));
  } finally {
    await session.dispose();
  }
}

/** Largest difference relative to the largest magnitude of the reference, over all outputs; infinite where shapes or finiteness differ. */
export function largestDifference(reference: FloatOutputs, other: FloatOutputs): number {
  let worst = 0;
  for (const [name, a] of Object.entries(reference)) {
    const [scale, b] = [a.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-30), other[name]];
    if (b?.length !== a.length) return Infinity;
    a.forEach((x, i) => (worst = Math.max(worst, Number.isFinite(b[i]!) ? Math.abs(x - b[i]!) / scale : Infinity)));
  }
  return worst;
}
