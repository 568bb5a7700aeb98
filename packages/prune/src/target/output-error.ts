/** How far a model's outputs are from another's on samples: what a cut costs where nobody has labels. */
import { feedsOf, type Feeds, type Model, type Runtime, type Tensor } from "@lathe/core";

export interface OutputErrorOptions {
  readonly runtime: Runtime;
  readonly batches: readonly Feeds[];
  readonly signal?: AbortSignal | undefined;
}

/** The outputs of a model on each batch. */
export async function outputsOn(model: Model, { runtime, batches, signal }: OutputErrorOptions): Promise<Feeds[]> {
  const options = signal ? { signal } : {};
  const session = await runtime.load(model, options);
  try {
    const all: Feeds[] = [];
    for (const batch of batches) all.push(await session.run(feedsOf(session.inputs, batch), options));
    return all;
  } finally {
    await session.dispose();
  }
}

/** Σ|y - r|² / Σ|r|² over all batches, mean over the float outputs; 1 at most for each, which is as good as no answer. */
export async function outputError(reference: readonly Feeds[], model: Model, options: OutputErrorOptions): Promise<number> {
  const outputs = await outputsOn(model, options);
  const names = Object.keys(reference[0] ?? {}).filter((name) => reference[0]![name]!.dtype.includes("float"));
  const errors = names.map((name) => {
    let [missing, energy] = [0, 0];
    for (const [b, expected] of reference.entries()) {
      const [r, y] = [expected[name]!.toFloat32(), (outputs[b]![name] as Tensor).toFloat32()];
      for (let i = 0; i < r.length; i++) {
        missing += (r[i]! - y[i]!) ** 2;
        energy += r[i]! ** 2;
      }
    }
    const error = energy > 0 ? missing / energy : 0;
    return Number.isFinite(error) ? Math.min(1, error) : 1;
  });
  return errors.reduce((sum, e) => sum + e, 0) / Math.max(1, errors.length);
}
