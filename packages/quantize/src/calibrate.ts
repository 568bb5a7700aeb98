/** Observes the real ranges of tensors: the model runs over the calibration data once, with the observers built into the graph. */
import { Node, Value, tensorType, type Model, type Runtime, type Tensor } from "@lathe/core";
import { quantizeErrors } from "./errors.ts";
import type { Range } from "./qdq.ts";

export interface CalibrateOptions {
  readonly runtime: Runtime;
  readonly data: AsyncIterable<Readonly<Record<string, Tensor>>>;
  readonly signal?: AbortSignal | undefined;
  /** Called after each sample with the number of samples done. */
  readonly onSample?: (done: number) => void;
}

export interface MinMaxResult {
  readonly ranges: Map<string, Range>;
  readonly samples: number;
}

const MIN = "__lathe_min";
const MAX = "__lathe_max";

/**
 * Least and greatest value of each named float tensor over all samples. ReduceMin/ReduceMax nodes are added to a copy of the model,
 * so only two numbers a tensor leave the runtime, whatever the shapes; optimisation is off so that every tensor exists as written.
 * @throws QUANT_CALIBRATION_EMPTY without samples, QUANT_RANGE_NOT_FINITE when a tensor is NaN or infinite.
 */
export async function minMaxRanges(model: Model, tensors: ReadonlySet<string>, options: CalibrateOptions): Promise<MinMaxResult> {
  const { observed, outputs } = withObservers(model, tensors);
  const session = await options.runtime.load(observed, { optimization: "disabled" });
  const ranges = new Map<string, Range>();
  let samples = 0;
  try {
    for await (const sample of options.data) {
      options.signal?.throwIfAborted();
      const found = await session.run(sample, { fetches: outputs, ...(options.signal ? { signal: options.signal } : {}) });
      for (const name of tensors) merge(ranges, name, first(found[name + MIN]), first(found[name + MAX]));
      options.onSample?.(++samples);
    }
  } finally {
    await session.dispose();
  }
  if (samples === 0) throw quantizeErrors.QUANT_CALIBRATION_EMPTY({});
  return { ranges, samples };
}

const first = (tensor: Tensor | undefined): number => tensor?.toFloat32()[0] ?? NaN;

function merge(ranges: Map<string, Range>, tensor: string, min: number, max: number): void {
  if (!Number.isFinite(min) || !Number.isFinite(max)) throw quantizeErrors.QUANT_RANGE_NOT_FINITE({ tensor, min, max });
  const known = ranges.get(tensor);
  ranges.set(tensor, known ? { min: Math.min(known.min, min), max: Math.max(known.max, max) } : { min, max });
}

function withObservers(model: Model, tensors: ReadonlySet<string>): { observed: Model; outputs: string[] } {
  const observed = model.clone();
  const { graph } = observed;
  const outputs: string[] = [];
  for (const value of [...graph.values()]) {
    if (!tensors.has(value.name)) continue;
    for (const [opType, suffix] of [["ReduceMin", MIN], ["ReduceMax", MAX]] as const) {
      const result = new Value(value.name + suffix, tensorType(value.dtype, []));
      graph.append(new Node({ opType, inputs: [value], outputs: [result], attributes: { keepdims: { kind: "int", value: 0 } } }));
      graph.addOutput(result);
      outputs.push(result.name);
    }
  }
  return { observed, outputs };
}
