/** Figures over a whole set: each counter sees batch after batch and gives one number at the end. */
import type { Feeds, Tensor } from "@lathe/core";
import { trainErrors } from "../errors.ts";

export interface Counter {
  add(outputs: Feeds, batch: Feeds): void;
  value(): number;
}

export interface Metric {
  readonly name: string;
  readonly higherIsBetter: boolean;
  start(): Counter;
}

export interface AccuracyOptions {
  /** Output with scores [N, classes]; default: the only output, or "logits". */
  readonly logits?: string;
  /** Name of the integer [N] labels in the data. Default "labels". */
  readonly labels?: string;
  /** Counts as right when the label is among the k best. Default 1. */
  readonly k?: number;
}

/** What a metric judges: the output of that name; without one the only output, or the one of the usual name. @throws TRAIN_NO_VALUE */
export function judged(outputs: Feeds, name: string | undefined, usual: string): Tensor {
  const all = Object.values(outputs);
  const found = name ? outputs[name] : all.length === 1 ? all[0] : outputs[usual];
  if (!found) throw trainErrors.TRAIN_NO_VALUE({ value: name ?? usual, outputs: Object.keys(outputs) });
  return found;
}

/** What it is judged by. @throws TRAIN_MISSING_INPUT */
export function given(batch: Feeds, name: string): Tensor {
  const found = batch[name];
  if (!found) throw trainErrors.TRAIN_MISSING_INPUT({ input: name, expected: [name] });
  return found;
}

/** Share of examples whose label is among the k highest scores. */
export function accuracy({ logits, labels = "labels", k = 1 }: AccuracyOptions = {}): Metric {
  return {
    name: k === 1 ? "accuracy" : `top${k}`,
    higherIsBetter: true,
    start: () => {
      let [right, total] = [0, 0];
      return {
        add: (outputs, batch) => {
          const scores = judged(outputs, logits, "logits");
          const truth = given(batch, labels).toNumbers();
          const [data, classes] = [scores.toFloat32(), scores.dims.at(-1)!];
          truth.forEach((label, n) => {
            const own = data[n * classes + label]!;
            let better = 0;
            for (let i = 0; i < classes; i++) if (data[n * classes + i]! > own || (data[n * classes + i] === own && i < label)) better++;
            if (better < k) right++;
            total++;
          });
        },
        value: () => (total === 0 ? 0 : right / total),
      };
    },
  };
}

/** Root of the mean squared difference between an output and its target. */
export function rootMeanSquaredError({ output, target = "target" }: { readonly output?: string; readonly target?: string } = {}): Metric {
  return {
    name: "rmse",
    higherIsBetter: false,
    start: () => {
      let [sum, total] = [0, 0];
      return {
        add: (outputs, batch) => {
          const y = judged(outputs, output, "output").toFloat32();
          const t = given(batch, target).toFloat32();
          for (let i = 0; i < y.length; i++) sum += (y[i]! - t[i]!) ** 2;
          total += y.length;
        },
        value: () => Math.sqrt(sum / Math.max(1, total)),
      };
    },
  };
}
