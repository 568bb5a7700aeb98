/** Statistics of each channel of chosen activations: largest magnitude and mean, over samples. */
import { feedsOf, takeSamples, type Feeds, type Model, type Runtime } from "@lathe/core";
import { quantizeErrors } from "../errors.ts";
import { patient, withOutputs } from "../sessions.ts";

export interface ChannelStatistics {
  readonly absMax: Float32Array;
  readonly mean: Float64Array;
}

export interface ChannelOptions {
  readonly runtime: Runtime;
  readonly data: AsyncIterable<Feeds> | Iterable<Feeds>;
  /** Samples used at most. Default 16. */
  readonly samples?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs the model and gathers the statistics of the named tensors along the given axes (negative: from the end).
 * @throws QUANT_CALIBRATION_EMPTY
 */
export async function channelStatistics(model: Model, axes: ReadonlyMap<string, number>, options: ChannelOptions): Promise<Map<string, ChannelStatistics>> {
  const abortable = options.signal ? { signal: options.signal } : {};
  const session = await options.runtime.load(withOutputs(model, axes), { ...patient, ...abortable, optimization: "all" });
  const sums = new Map<string, { absMax: Float32Array; sum: Float64Array; count: number }>();
  try {
    for await (const sample of takeSamples(options.data, options.samples ?? 16)) {
      options.signal?.throwIfAborted();
      const fetches = [...axes.keys()].filter((name) => !(name in sample));
      const found = fetches.length > 0 ? await session.run(feedsOf(session.inputs, sample), { fetches, ...abortable }) : {};
      for (const [name, axis] of axes) {
        const tensor = (found[name] ?? sample[name])!;
        const at = axis < 0 ? axis + tensor.dims.length : axis;
        const channels = tensor.dims[at]!;
        const known = sums.get(name) ?? { absMax: new Float32Array(channels), sum: new Float64Array(channels), count: 0 };
        sums.set(name, known);
        gather(tensor.toFloat32(), channels, tensor.dims.slice(at + 1).reduce((p, d) => p * d, 1), known);
      }
    }
  } finally {
    await session.dispose();
  }
  if (sums.size < axes.size) throw quantizeErrors.QUANT_CALIBRATION_EMPTY({});
  return new Map([...sums].map(([name, { absMax, sum, count }]) => [name, { absMax, mean: sum.map((s) => s / count) }]));
}

function gather(data: Float32Array, channels: number, inner: number, into: { absMax: Float32Array; sum: Float64Array; count: number }): void {
  for (let at = 0; at < data.length; ) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      let most = into.absMax[c]!;
      for (const end = at + inner; at < end; at++) {
        const x = data[at]!;
        sum += x;
        if (x > most) most = x;
        else if (-x > most) most = -x;
      }
      into.sum[c]! += sum;
      into.absMax[c] = most;
    }
  }
  into.count += data.length / channels;
}
