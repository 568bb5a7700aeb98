/** Whether an engine computes what its model says. */
import { feedsOf, type ModelSource, type Runtime } from "@lathe/core";
import { DifferenceMeter, eachSample, ortRuntime, type Comparison, type Samples } from "@lathe/ort";
import { engineErrors } from "../errors.ts";
import type { CallOptions, TensorRT } from "../reports.ts";
import type { EngineSpec } from "../spec.ts";

export interface CompareEngineOptions extends CallOptions {
  readonly tensorrt: TensorRT;
  /** That of the engine's build. */
  readonly spec?: EngineSpec | undefined;
  /** Where the model runs. Default: ONNX Runtime, on the CPU, with the graph as the file says. */
  readonly runtime?: Runtime | undefined;
  readonly onSample?: ((done: number) => void) | undefined;
}

/**
 * Runs model and engine on the same inputs and measures how far the engine is from the model. The tool is started for each sample: a few are
 * enough. It prints six digits of each value, which bounds the signal-to-noise ratio at about 120 dB.
 * @throws TRT_OUTPUT_MISSING when the engine lacks an output of the model, TRT_NO_SAMPLES; what `run` of {@link TensorRT} throws; ORT_OUTPUTS_DIFFER
 */
export async function compareEngine(model: ModelSource, plan: string, samples: Samples, { tensorrt, spec = {}, runtime = ortRuntime(), onSample, ...call }: CompareEngineOptions): Promise<Comparison> {
  const { signal } = call;
  const session = await runtime.load(model, { optimization: "disabled", ...(signal ? { signal } : {}) });
  try {
    const meters = new Map(session.outputs.map(({ name }) => [name, new DifferenceMeter(name)]));
    let done = 0;
    for await (const sample of eachSample(samples)) {
      const feeds = feedsOf(session.inputs, sample);
      const right = await session.run(feeds, signal ? { signal } : {});
      const { outputs } = await tensorrt.run(plan, feeds, spec, call);
      for (const [name, meter] of meters) {
        const computed = outputs[name];
        if (!computed) throw engineErrors.TRT_OUTPUT_MISSING({ output: name, known: Object.keys(outputs) });
        meter.add(right[name]!, computed);
      }
      done++;
      onSample?.(done);
    }
    if (done === 0) throw engineErrors.TRT_NO_SAMPLES({});
    return { samples: done, tensors: Object.fromEntries([...meters].map(([name, meter]) => [name, meter.result()])) };
  } finally {
    await session.dispose();
  }
}
