import { pruneErrors } from "../errors.ts";

/** N of every M consecutive weights along the summed axis stay. */
export interface Pattern {
  readonly n: number;
  readonly m: number;
}

/** "2:4", or undefined for "free". @throws PRUNE_PATTERN */
export function patternOf(text: string): Pattern | undefined {
  if (text === "free") return undefined;
  const [n = 0, m = 0] = text.split(":").map(Number);
  if (!(n >= 1 && n < m)) throw pruneErrors.PRUNE_PATTERN({ pattern: text });
  return { n, m };
}
