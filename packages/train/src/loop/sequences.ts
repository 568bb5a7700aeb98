/** Reading sequences out of the scores of a recogniser that was trained with `ctc`, and how wrong they are. */
import type { Tensor } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import type { Metric } from "./metrics.ts";

/** Best class of each step, repeats and blanks taken out, for scores [N, T, classes]. */
export function greedySequences(scores: Tensor, blank = 0): number[][] {
  const [count = 0, steps = 0, classes = 0] = scores.dims;
  const data = scores.toFloat32();
  const best = (at: number): number => {
    let winner = 0;
    for (let k = 1; k < classes; k++) if (data[at + k]! > data[at + winner]!) winner = k;
    return winner;
  };
  return Array.from({ length: count }, (_, n) => {
    const path = Array.from({ length: steps }, (_, t) => best((n * steps + t) * classes));
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

export interface SequenceOptions {
  /** Output with the scores [N, T, classes]; default: the only output. */
  readonly scores?: string;
  readonly labels?: string;
  readonly labelLengths?: string;
  readonly blank?: number;
}

/** Edits between what is read and what is written, for each label. */
export function characterErrors({ scores, labels = "labels", labelLengths = "label_lengths", blank = 0 }: SequenceOptions = {}): Metric {
  return {
    name: "characterErrors",
    higherIsBetter: false,
    start: () => {
      let [edits, total] = [0, 0];
      return {
        add: (outputs, batch) => {
          const output = scores ? outputs[scores] : Object.values(outputs)[0];
          const [truth, lengths] = [batch[labels], batch[labelLengths]];
          if (!output || !truth || !lengths) throw trainErrors.TRAIN_MISSING_INPUT({ input: !output ? (scores ?? "scores") : truth ? labelLengths : labels, expected: Object.keys(output ? batch : outputs) });
          const [all, width] = [truth.toNumbers(), truth.dims[1]!];
          const ends = lengths.toNumbers();
          greedySequences(output, blank).forEach((read, n) => {
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
