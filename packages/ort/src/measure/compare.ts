import { feedsOf, type ModelSource, type OptimizationLevel, type Runtime, type Session, type Tensor } from "@lathe/core";
import { ortErrors } from "../errors.ts";
import { ortRuntime } from "../runtime.ts";
import { DifferenceMeter, type TensorDifference } from "./difference.ts";
import { withOutputs } from "./outputs.ts";
import { eachSample, type Samples } from "./samples.ts";

export interface CompareOptions {
  /** Names of intermediate tensors to compare as well; both models must have them, and be given as graphs. */
  readonly tensors?: readonly string[];
  /** Default "disabled": what the files say, not what the optimizer makes of them. */
  readonly optimization?: OptimizationLevel;
  readonly runtime?: Runtime;
  readonly signal?: AbortSignal;
  readonly onSample?: (done: number) => void;
}

export interface Comparison {
  readonly samples: number;
  /** By name: the outputs that both models have, then the named tensors. */
  readonly tensors: Readonly<Record<string, TensorDifference>>;
}

/**
 * Runs both models on the same inputs and measures how far `b` is from the reference `a`.
 * @throws ORT_OUTPUTS_DIFFER when they have no output in common or a shape differs; ORT_NO_SAMPLES.
 */
export async function compare(a: ModelSource, b: ModelSource, samples: Samples, options: CompareOptions = {}): Promise<Comparison> {
  const { tensors = [], optimization = "disabled", runtime = ortRuntime(), signal, onSample } = options;
  const opened: Session[] = [];
  try {
    for (const model of [a, b]) opened.push(await runtime.load(withOutputs(model, tensors), { optimization, ...(signal ? { signal } : {}) }));
    const [first, second] = opened as [Session, Session];
    const fetches = common(first, second);
    const meters = new Map(fetches.map((name) => [name, new DifferenceMeter(name)]));
    let done = 0;
    for await (const sample of eachSample(samples)) {
      const run = (session: Session): Promise<Record<string, Tensor>> => session.run(feedsOf(session.inputs, sample), { fetches, ...(signal ? { signal } : {}) });
      const [left, right] = [await run(first), await run(second)];
      for (const [name, meter] of meters) meter.add(left[name]!, right[name]!);
      done++;
      onSample?.(done);
    }
    if (done === 0) throw ortErrors.ORT_NO_SAMPLES({ helper: "compare" });
    return { samples: done, tensors: Object.fromEntries([...meters].map(([name, meter]) => [name, meter.result()])) };
  } finally {
    for (const session of opened) await session.dispose();
  }
}

function common(a: Session, b: Session): string[] {
  const other = new Set(b.outputs.map((o) => o.name));
  const names = a.outputs.map((o) => o.name);
  const shared = names.filter((name) => other.has(name));
  if (shared.length === 0) throw ortErrors.ORT_OUTPUTS_DIFFER({ name: names.join(", "), a: "an output", b: `absent (outputs: ${[...other].join(", ")})` });
  return shared;
}
