/** Runs a file of the package beside the float32 model. */
import { feedsOf, type Feeds, type Runtime, type Tensor } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { DifferenceMeter } from "@lathe/ort";
import { packageErrors } from "./errors.ts";

export type Outputs = readonly Readonly<Record<string, Tensor>>[];

/** Outputs for each sample. @throws PACKAGE_FAILS */
export async function runFile(path: string, label: string, samples: readonly Feeds[], runtime: Runtime, signal: AbortSignal | undefined): Promise<Outputs> {
  try {
    const session = await runtime.load(await loadModel(path), signal ? { signal } : {});
    try {
      const outputs = [];
      for (const feeds of samples) outputs.push(await session.run(feedsOf(session.inputs, feeds), signal ? { signal } : {}));
      return outputs;
    } finally {
      await session.dispose();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw packageErrors.PACKAGE_FAILS({ file: label, runtime: runtime.name, reason: (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]! }, cause);
  }
}

/** Signal to noise ratio of the worst output, in decibels, and its name. */
export function worstOutput(reference: Outputs, outputs: Outputs): { output: string; sqnr: number } {
  const meters = new Map<string, DifferenceMeter>();
  reference.forEach((expected, i) => {
    for (const [name, tensor] of Object.entries(expected)) {
      const meter = meters.get(name) ?? new DifferenceMeter(name);
      meters.set(name, meter);
      meter.add(tensor, outputs[i]![name]!);
    }
  });
  let worst = { output: "", sqnr: Infinity };
  for (const [output, meter] of meters) {
    const { sqnr } = meter.result();
    if (!(sqnr >= worst.sqnr)) worst = { output, sqnr };
  }
  return worst;
}
