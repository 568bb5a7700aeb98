/** Reading sequences out of the scores of a recogniser that was trained with `ctc`, and how wrong they are. */
import type { Tensor } from "@lathe/core";
import { given, judged, type Metric } from "./metrics.ts";

export interface Reading {
  /** Class that stands for no label. Default 0. */
  readonly blank?: number;
  /** The scores are [T, N, classes], as PyTorch has them. */
  readonly timeFirst?: boolean;
}

/** Best class of each step, repeats and blanks taken out, for scores [N, T, classes], or [T, N, classes]. */
export function greedySequences(scores: Tensor, { blank = 0, timeFirst = false }: Reading = {}): number[][] {
  const [count, steps] = timeFirst ? [scores.dims[1] ?? 0, scores.dims[0] ?? 0] : [scores.dims[0] ?? 0, scores.dims[1] ?? 0];
  const classes = scores.dims[2] ?? 0;
  const data = scores.toFloat32();
  const best = (at: number): number => {
    let winner = 0;
    for (let k = 1; k < classes; k++) if (data[at + k]! > data[at + winner]!) winner = k;
    return winner;
  };
  return Array.from({ length: count }, (_, n) => {
    const path = Array.from({ length: steps }, (__, t) => best((timeFirst ? t * count + n : n * steps + t) * classes));
    return path.filter((label, t) => label !== blank && label !== path[t - 1]);
  });
}

/** Fewest insertions, deletions and replacements that make one sequence the other (Levenshtein 1966). */
export function editDistance(a: readonly number[], b: readonly number[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  a.forEach((x, i) => {
    const next = [i + 1];
    b.forEach((y, j) => next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (x === y ? 0 : 1))));
    row = next;
  });
  return row[b.length]!;
}

export interface SequenceOptions extends Reading {
  /** Output with the scores [N, T, classes]; default: the only output, or "logits". */
  readonly scores?: string;
  /** Name of the int64 [N, L] labels in the data. Default "labels". */
  readonly labels?: string;
  /** Name of the int64 [N] numbers of labels. Default "label_lengths". */
  readonly labelLengths?: string;
}

/** Edits between what is read and what is written, for each label. */
export function characterErrors({ scores, labels = "labels", labelLengths = "label_lengths", ...reading }: SequenceOptions = {}): Metric {
  return {
    name: "characterErrors",
    higherIsBetter: false,
    start: () => {
      let [edits, total] = [0, 0];
      return {
        add: (outputs, batch) => {
          const truth = given(batch, labels);
          const [all, width] = [truth.toNumbers(), truth.dims[1]!];
          const ends = given(batch, labelLengths).toNumbers();
          greedySequences(judged(outputs, scores, "logits"), reading).forEach((read, n) => {
            const written = all.slice(n * width, n * width + ends[n]!);
            edits += editDistance(read, written);
            total += written.length;
          });
        },
        value: () => edits / Math.max(1, total),
      };
    },
  };
}
