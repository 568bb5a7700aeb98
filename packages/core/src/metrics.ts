/**
 * Figures that compare predictions with truth, or one model's outputs with another's. Pure functions over tensors or plain numbers.
 * All throw METRIC_INPUT when the counts do not fit or nothing was given.
 */
import { defineErrors } from "./errors.ts";
import type { Tensor } from "./tensor.ts";

export const metricErrors = defineErrors({
  METRIC_INPUT: {
    text: (d: { metric: string; expected: string; received: string }) => `${d.metric} expects ${d.expected}; ${d.received} came.`,
    remedy: "Check the shapes of what is compared.",
  },
});

export type Numbers = ArrayLike<number> | Tensor;

const numbersOf = (values: Numbers): ArrayLike<number> => ("storage" in values ? (values.dtype === "float32" ? values.toFloat32() : values.toFloat64()) : values);

function pair(metric: string, a: Numbers, b: Numbers): readonly [ArrayLike<number>, ArrayLike<number>] {
  const [x, y] = [numbersOf(a), numbersOf(b)];
  if (x.length !== y.length || x.length === 0) throw metricErrors.METRIC_INPUT({ metric, expected: "two lists of one length > 0", received: `${x.length} and ${y.length} values` });
  return [x, y];
}

/** Rows of `scores`, a [n, classes] matrix, row after row. */
function rowsOf(metric: string, scores: Numbers, classes: number): { readonly data: ArrayLike<number>; readonly count: number } {
  const data = numbersOf(scores);
  const count = data.length / classes;
  if (!(classes >= 1) || !Number.isInteger(classes) || !Number.isInteger(count) || count === 0) throw metricErrors.METRIC_INPUT({ metric, expected: "full rows of scores", received: `${data.length} scores in rows of ${classes}` });
  return { data, count };
}

const classesOf = (scores: Numbers, labels: Numbers): number => numbersOf(scores).length / numbersOf(labels).length;

/** Index of the largest score in each row of a [n, classes] matrix; the first one of equals, -1 when all are NaN. */
export function argmax(scores: Numbers, classes: number): Int32Array {
  const { data, count } = rowsOf("argmax", scores, classes);
  return Int32Array.from({ length: count }, (_, row) => {
    let best = -1;
    for (let c = 0; c < classes; c++) {
      const score = data[row * classes + c]!;
      if (!Number.isNaN(score) && (best < 0 || score > data[row * classes + best]!)) best = c;
    }
    return best;
  });
}

/**
 * Share of rows whose label is among the `k` highest scores. `scores` is [n, classes], `labels` [n]. Of equal scores the lower class
 * counts as higher; a label whose score is NaN counts as wrong.
 */
export function topKAccuracy(scores: Numbers, labels: Numbers, k = 1): number {
  const truth = numbersOf(labels);
  const classes = classesOf(scores, labels);
  const { data, count } = rowsOf("topKAccuracy", scores, classes);
  let right = 0;
  for (let row = 0; row < count; row++) {
    const label = truth[row]!;
    const own = data[row * classes + label];
    if (own === undefined || label < 0 || label >= classes) throw metricErrors.METRIC_INPUT({ metric: "topKAccuracy", expected: `labels from 0 to ${classes - 1}`, received: String(label) });
    let above = 0;
    for (let c = 0; c < classes; c++) {
      const score = data[row * classes + c]!;
      if (score > own || (score === own && c < label)) above++;
    }
    if (!Number.isNaN(own) && above < k) right++;
  }
  return right / count;
}

/** Share of positions at which two lists hold the same number: accuracy of predicted classes, or agreement of two models. */
export function agreement(a: Numbers, b: Numbers): number {
  const [x, y] = pair("agreement", a, b);
  let same = 0;
  for (let i = 0; i < x.length; i++) if (x[i] === y[i]) same++;
  return same / x.length;
}

/** Counts [actual][predicted]. */
export function confusion(predicted: Numbers, actual: Numbers, classes: number): number[][] {
  const [p, a] = pair("confusion", predicted, actual);
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < p.length; i++) {
    const row = counts[a[i]!];
    if (row?.[p[i]!] === undefined) throw metricErrors.METRIC_INPUT({ metric: "confusion", expected: `classes from 0 to ${classes - 1}`, received: `${a[i]} and ${p[i]}` });
    row[p[i]!]!++;
  }
  return counts;
}

/**
 * Levenshtein distance: least number of insertions, deletions and substitutions that turn `a` into `b`.
 * Items are compared with `===`. Time |a|*|b|, memory |b|.
 */
export function editDistance<T>(a: readonly T[], b: readonly T[]): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}

/** Edit distances over code points of all texts, divided by the code points of all true texts (CER). May exceed 1. */
export const characterErrorRate = (predicted: readonly string[], truth: readonly string[]): number => errorRate("characterErrorRate", predicted, truth, (text) => [...text]);

/** The same over words, which white space separates (WER). */
export const wordErrorRate = (predicted: readonly string[], truth: readonly string[]): number => errorRate("wordErrorRate", predicted, truth, (text) => text.split(/\s+/).filter(Boolean));

function errorRate(metric: string, predicted: readonly string[], truth: readonly string[], split: (text: string) => string[]): number {
  if (predicted.length !== truth.length) throw metricErrors.METRIC_INPUT({ metric, expected: "as many predicted as true texts", received: `${predicted.length} and ${truth.length}` });
  let errors = 0;
  let total = 0;
  truth.forEach((text, i) => {
    const parts = split(text);
    errors += editDistance(split(predicted[i]!), parts);
    total += parts.length;
  });
  if (total === 0) throw metricErrors.METRIC_INPUT({ metric, expected: "true texts that are not all empty", received: "only empty ones" });
  return errors / total;
}

/** Mean of squared differences. */
export function meanSquaredError(a: Numbers, b: Numbers): number {
  const [x, y] = pair("meanSquaredError", a, b);
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i]! - y[i]!) ** 2;
  return sum / x.length;
}

/** Largest absolute difference; NaN when one side is NaN where the other is not. */
export function maxAbsoluteError(a: Numbers, b: Numbers): number {
  const [x, y] = pair("maxAbsoluteError", a, b);
  let max = 0;
  for (let i = 0; i < x.length; i++) {
    // Equal infinities differ by NaN in arithmetic, but not in value; so do two NaNs.
    const difference = Object.is(x[i], y[i]) ? 0 : Math.abs(x[i]! - y[i]!);
    if (Number.isNaN(difference)) return NaN;
    if (difference > max) max = difference;
  }
  return max;
}

/** Cosine of the angle between two vectors, from -1 to 1. Two zero vectors are alike (1); one zero vector is like nothing (0). */
export function cosineSimilarity(a: Numbers, b: Numbers): number {
  const [x, y] = pair("cosineSimilarity", a, b);
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += x[i]! * y[i]!;
    xx += x[i]! ** 2;
    yy += y[i]! ** 2;
  }
  if (xx === 0 || yy === 0) return xx === yy ? 1 : 0;
  return Math.max(-1, Math.min(1, xy / Math.sqrt(xx) / Math.sqrt(yy)));
}

/** Signal to quantization noise in decibels: 10 log10(sum reference^2 / sum (reference - value)^2). Infinity for equal inputs. */
export function sqnr(reference: Numbers, value: Numbers): number {
  const [r, v] = pair("sqnr", reference, value);
  let [signal, noise] = [0, 0];
  for (let i = 0; i < r.length; i++) {
    signal += r[i]! ** 2;
    noise += (r[i]! - v[i]!) ** 2;
  }
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

/**
 * Area under the ROC curve: how often a positive (label not 0) scores higher than a negative, ties counting half.
 * By ranks (Mann-Whitney U), n log n.
 */
export function auc(scores: Numbers, labels: Numbers): number {
  const [s, l] = pair("auc", scores, labels);
  const order = Array.from({ length: s.length }, (_, i) => i).sort((a, b) => s[a]! - s[b]!);
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && s[order[end]!] === s[order[start]!]) end++;
    // Equal scores share the mean of their ranks start+1 .. end.
    for (let i = start; i < end; i++) {
      if (l[order[i]!] === 0) continue;
      positives++;
      rankSum += (start + 1 + end) / 2;
    }
    start = end;
  }
  const negatives = s.length - positives;
  if (positives === 0 || negatives === 0) throw metricErrors.METRIC_INPUT({ metric: "auc", expected: "positives and negatives", received: `${positives} and ${negatives}` });
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}
