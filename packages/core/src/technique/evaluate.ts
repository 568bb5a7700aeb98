/** The service `evaluate` from labelled data: what a host lends when the user has labels but no function of their own. */
import { feedsOf, labelsOf } from "../data/feeds.ts";
import type { Sample } from "../data/dataset.ts";
import { meanSquaredError, metricErrors, topKAccuracy } from "../metrics.ts";
import type { Runtime, Session } from "../runtime.ts";
import type { Tensor } from "../tensor.ts";
import { techniqueErrors } from "./errors.ts";
import type { Evaluate, EvaluateContext } from "./services.ts";

/** How outputs and labels make a score; higher is better. */
export const labelledMetrics = {
  /** Share of examples whose label is the highest score. */
  accuracy: (scores: Tensor, labels: Tensor) => ranked("accuracy", scores, labels, 1),
  /** Share of examples whose label is among the five highest scores. */
  top5: (scores: Tensor, labels: Tensor) => ranked("top5", scores, labels, 5),
  /** Mean squared difference of output and label, negated. */
  "negative-mse": (values: Tensor, labels: Tensor) => -meanSquaredError(values, labels),
} as const;

/** One label for each row of scores: classes are what the last axis counts. */
function ranked(metric: string, scores: Tensor, labels: Tensor, k: number): number {
  const rows = scores.dims.slice(0, -1).reduce((product, d) => product * d, 1);
  if (labels.size !== rows) throw metricErrors.METRIC_INPUT({ metric, expected: `${rows} labels for scores [${scores.dims.join(", ")}]`, received: `labels [${labels.dims.join(", ")}]` });
  return topKAccuracy(scores, labels, k);
}

export type LabelledMetric = keyof typeof labelledMetrics;

export interface LabelledOptions {
  readonly runtime: Runtime;
  /** Batches: the model's inputs, and integer labels [N] (for "negative-mse": values of the output's size). Read once for each model. */
  readonly data: AsyncIterable<Sample> | Iterable<Sample>;
  /** Default "accuracy". */
  readonly metric?: LabelledMetric | undefined;
  /** Name of the labels in the data. Default: the only name that the model does not take, or "labels". */
  readonly labels?: string | undefined;
  /** Output to judge. Default: the only one, or "logits". */
  readonly output?: string | undefined;
}

/**
 * Judges a model on labelled data by one figure: the mean over batches, each counting by its number of examples.
 *
 * @example pipeline(quantizeSearch({ maxDrop: 0.005 })).run(model, { data, runtime, evaluate: evaluateLabelled({ runtime, data }) })
 * @throws (when it is called) EVALUATE_LABELS, EVALUATE_OUTPUT, EVALUATE_EMPTY; INPUT_* and METRIC_INPUT when the data does not fit
 */
export function evaluateLabelled(options: LabelledOptions): Evaluate {
  return async (model, ctx) => {
    ctx.signal.throwIfAborted();
    const session = await options.runtime.load(model, { signal: ctx.signal });
    try {
      return { [options.metric ?? "accuracy"]: await meanScore(session, options, ctx) };
    } finally {
      await session.dispose();
    }
  };
}

async function meanScore(session: Session, { data, metric = "accuracy", labels, output }: LabelledOptions, { signal, progress }: EvaluateContext): Promise<number> {
  const name = outputName(session, output);
  let [sum, count] = [0, 0];
  for await (const batch of data) {
    signal.throwIfAborted();
    const truth = labelsIn(session, batch, labels);
    const found = await session.run(feedsOf(session.inputs, batch), { fetches: [name], signal });
    const examples = metric === "negative-mse" ? (truth.dims[0] ?? 1) : truth.size;
    sum += labelledMetrics[metric](found[name]!, truth) * examples;
    count += examples;
    progress({ done: count, message: "evaluating" });
  }
  if (count === 0) throw techniqueErrors.EVALUATE_EMPTY({});
  return sum / count;
}

function outputName({ outputs }: Session, wanted: string | undefined): string {
  const names = outputs.map((o) => o.name);
  const name = wanted ?? (names.length === 1 ? names[0] : "logits");
  if (name === undefined || !names.includes(name)) throw techniqueErrors.EVALUATE_OUTPUT({ output: wanted, known: names });
  return name;
}

function labelsIn(session: Session, batch: Sample, wanted: string | undefined): Tensor {
  const others = labelsOf(session.inputs, batch);
  const names = Object.keys(others);
  const name = wanted ?? (names.length === 1 ? names[0]! : "labels");
  const found = others[name];
  if (!found) throw techniqueErrors.EVALUATE_LABELS({ labels: wanted, known: names });
  return found;
}
