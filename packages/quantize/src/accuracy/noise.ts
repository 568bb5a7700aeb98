/** How much noise quantization adds: SQNR of tensors of a quantized model against the float one, over samples. */
import { feedsOf, firstSamples, type Feeds, type Model, type Runtime, type Session } from "@lathe/core";
import { patient } from "../sessions.ts";

/** Signal and noise power of one tensor, summed. */
export interface Noise {
  signal: number;
  noise: number;
}

/** Signal to quantization noise ratio in decibels, 10 log10(signal / noise); Infinity without noise, -Infinity when NaN or infinity came out. */
export const sqnr = ({ signal, noise }: Noise): number => (Number.isNaN(noise) || noise === Infinity ? -Infinity : noise === 0 ? Infinity : 10 * Math.log10(signal / noise));

export function addNoise(to: Noise, float: Float32Array, quantized: Float32Array): void {
  for (let i = 0; i < float.length; i++) {
    const x = float[i]!;
    const d = x - quantized[i]!;
    to.signal += x * x;
    to.noise += d * d;
  }
}

/** What the float model gives for the samples: computed once, compared with many candidates. */
export interface Reference {
  readonly samples: readonly Feeds[];
  readonly outputs: readonly Readonly<Record<string, Float32Array>>[];
}

/** Runs the float model on the first `count` samples. Only float outputs are kept. */
export async function reference(model: Model, runtime: Runtime, data: AsyncIterable<Feeds> | Iterable<Feeds>, count: number, signal?: AbortSignal): Promise<Reference> {
  const samples = await firstSamples(data, count, signal);
  const session = await runtime.load(model, { ...patient, optimization: "all", ...(signal ? { signal } : {}) });
  try {
    return { samples, outputs: await runEach(session, samples, signal) };
  } finally {
    await session.dispose();
  }
}

async function runEach(session: Session, samples: readonly Feeds[], signal?: AbortSignal): Promise<Record<string, Float32Array>[]> {
  const all: Record<string, Float32Array>[] = [];
  for (const sample of samples) {
    signal?.throwIfAborted();
    const found = await session.run(feedsOf(session.inputs, sample), signal ? { signal } : {});
    all.push(Object.fromEntries(Object.entries(found).filter(([, t]) => t.dtype === "float32").map(([name, t]) => [name, t.toFloat32()])));
  }
  return all;
}

/** Lowest SQNR over the outputs, in decibels: how well `model` stands for the reference. -Infinity when an output is missing, or none is float32. */
export async function outputSqnr(model: Model, runtime: Runtime, { samples, outputs }: Reference, signal?: AbortSignal): Promise<number> {
  const session = await runtime.load(model, { ...patient, optimization: "all", ...(signal ? { signal } : {}) });
  const noises = new Map<string, Noise>();
  try {
    const found = await runEach(session, samples, signal);
    found.forEach((result, i) => {
      for (const [name, values] of Object.entries(outputs[i]!)) {
        const noise = noises.get(name) ?? { signal: 0, noise: 0 };
        noises.set(name, noise);
        const other = result[name];
        if (other) addNoise(noise, values, other);
        else noise.noise = Infinity;
      }
    });
  } finally {
    await session.dispose();
  }
  return noises.size === 0 ? -Infinity : Math.min(...[...noises.values()].map(sqnr));
}
