/** Figures that compare predictions with truth, or one model's outputs with another's. Pure functions over numbers. */

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
