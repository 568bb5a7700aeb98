/** The one pass over the calibration data: the model runs once a sample, and every tensor's statistics grow. */
import { Node, Value, attr, feedsOf, tensorType, type Feeds, type Model, type Runtime, type Session } from "@lathe/core";
import { quantizeErrors } from "../errors.ts";
import { addExtremes, addValues, type StatisticsOptions, type TensorStatistics } from "./statistics.ts";
import { patient } from "../sessions.ts";

export interface Observations {
  /** Samples seen, in all runs. */
  samples: number;
  readonly tensors: Map<string, TensorStatistics>;
}

export interface ObserveOptions extends Partial<StatisticsOptions> {
  readonly runtime: Runtime;
  readonly data: AsyncIterable<Feeds> | Iterable<Feeds>;
  readonly signal?: AbortSignal | undefined;
  /** Called after each sample with the number of samples done; may wait (to save the state, say). */
  readonly onSample?: ((observations: Observations) => void | Promise<void>) | undefined;
  /** Observations of an earlier, interrupted pass: as many samples are skipped, and they are continued. */
  readonly resume?: Observations | undefined;
  /** Tensors fetched in one run when histograms are made; bounds the memory, and the model runs once for each group. Default: all. */
  readonly tensorsPerRun?: number | undefined;
}

const MIN = "__lathe_min";
const MAX = "__lathe_max";

/**
 * Observes the named float tensors over all samples. Without histograms, ReduceMin/ReduceMax are built into the graph and two numbers
 * a tensor leave the runtime; with them, the values of one sample at a time do. Optimisation is off, so that every tensor exists as
 * written. Shapes may differ from sample to sample.
 * @throws QUANT_CALIBRATION_EMPTY without samples, QUANT_RANGE_NOT_FINITE when a tensor is NaN or infinite.
 */
export async function observe(model: Model, tensors: ReadonlySet<string>, options: ObserveOptions): Promise<Observations> {
  const settings = { histogram: false, bins: 2048, ...options };
  const observations = options.resume ?? { samples: 0, tensors: new Map<string, TensorStatistics>() };
  const session = await options.runtime.load(withObservers(model, tensors, settings.histogram), { ...patient, optimization: "disabled", ...(options.signal ? { signal: options.signal } : {}) });
  let at = 0;
  try {
    for await (const sample of options.data) {
      if (at++ < observations.samples) continue;
      options.signal?.throwIfAborted();
      await addSample(session, sample, tensors, observations, settings);
      observations.samples++;
      await options.onSample?.(observations);
    }
  } finally {
    await session.dispose();
  }
  if (observations.samples === 0) throw quantizeErrors.QUANT_CALIBRATION_EMPTY({});
  return observations;
}

async function addSample(
  session: Session, sample: Feeds, tensors: ReadonlySet<string>, { tensors: known }: Observations, options: ObserveOptions & StatisticsOptions,
): Promise<void> {
  const names = [...tensors];
  const signal = options.signal ? { signal: options.signal } : {};
  const group = options.histogram ? (options.tensorsPerRun ?? names.length) : names.length;
  for (let from = 0; from < names.length; from += group) {
    const wanted = names.slice(from, from + group);
    const fetches = options.histogram ? wanted.filter((name) => !(name in sample)) : wanted.flatMap((name) => [name + MIN, name + MAX]);
    // With histograms, what is fed need not be fetched; there may be nothing else.
    const found = fetches.length === 0 ? {} : await session.run(feedsOf(session.inputs, sample), { fetches, ...signal });
    for (const name of wanted) {
      const next = options.histogram
        ? addValues(known.get(name), (found[name] ?? sample[name])!.toFloat32(), options, name)
        : addExtremes(known.get(name), scalar(found[name + MIN]), scalar(found[name + MAX]), options, name);
      known.set(name, next);
    }
  }
}

const scalar = (tensor: { toFloat32(): Float32Array } | undefined): number => tensor?.toFloat32()[0] ?? NaN;

/** A copy of the model with the observed tensors (or their extremes) among its outputs. */
function withObservers(model: Model, tensors: ReadonlySet<string>, whole: boolean): Model {
  const observed = model.clone();
  const { graph } = observed;
  for (const value of Array.from(graph.values())) {
    if (!tensors.has(value.name)) continue;
    if (!whole) {
      addExtreme(graph, value, "ReduceMin", MIN);
      addExtreme(graph, value, "ReduceMax", MAX);
    } else if (!value.isGraphOutput && !value.isGraphInput) graph.addOutput(value);
  }
  return observed;
}

function addExtreme(graph: Model["graph"], value: Value, opType: string, suffix: string): void {
  const result = new Value(value.name + suffix, tensorType(value.dtype, []));
  graph.append(new Node({ opType, inputs: [value], outputs: [result], attributes: { keepdims: attr.int(0) } }));
  graph.addOutput(result);
}
