/** A share of units whose measured time is what is wanted: measure, correct the plan, measure again. Knows nothing of models. */

export interface Approach {
  /** Time that is wanted, as a share of the original's. */
  readonly goal: number;
  /** Longest and shortest time that count as the goal. */
  readonly slowest: number;
  readonly fastest: number;
  /** Largest ratio, and the one to begin with. */
  readonly largest: number;
  readonly first: number;
  /** Names what a ratio would leave: equal names take equal time. */
  readonly plan: (ratio: number) => string;
  /** Measures; `confirms` when it has met the goal once and must do so again. */
  readonly time: (ratio: number, confirms: boolean) => Promise<number>;
}

export interface Point {
  readonly ratio: number;
  /** Time as a share of the original's. */
  readonly share: number;
  readonly plan: string;
  /** Met the goal twice; the share is of the second time, which did not take part in choosing it. */
  readonly isFound: boolean;
}

/** Plans that are measured at most. */
const MOST = 10;
/** Ratios nearer to each other than this are one. */
const NARROW = 1 / 512;

/**
 * Each trial is where the line through the nearest trials on both sides of the goal meets it. One that meets the goal is measured again and
 * must meet it again: the first time may have been luck. Where no plan lies between too slow and too fast, the slowest that is fast enough
 * is given, measured again. Undefined when even the largest ratio is too slow.
 */
export async function approach(options: Approach): Promise<Point | undefined> {
  const { slowest, largest } = options;
  const known = new Map<string, Point>();
  let slow: Point = { ratio: 0, share: 1, plan: options.plan(0), isFound: false };
  let fast: Point | undefined;
  known.set(slow.plan, slow);
  let next = options.first;
  while (known.size <= MOST && (!fast || fast.ratio - slow.ratio > NARROW)) {
    const before = known.size;
    const point = await measured(next, known, options);
    if (point.isFound) return point;
    if (point.share <= slowest) fast = point;
    else if (next >= largest) return undefined;
    else slow = point;
    next = nextRatio(slow, fast, options, known.size > before);
  }
  return fast && { ...fast, share: await options.time(fast.ratio, true) };
}

async function measured(ratio: number, known: Map<string, Point>, { plan: planOf, time, slowest, fastest }: Approach): Promise<Point> {
  const plan = planOf(ratio);
  const before = known.get(plan);
  if (before) return { ...before, ratio };
  const first = await time(ratio, false);
  const isNear = first <= slowest && first >= fastest;
  const share = isNear ? await time(ratio, true) : first;
  const point = { ratio, plan, share, isFound: isNear && share <= slowest };
  known.set(plan, point);
  return point;
}

/** Where the line through the points on both sides meets the goal; in the middle where the last trial told nothing new. */
function nextRatio(slow: Point, fast: Point | undefined, { goal, largest }: Approach, isNew: boolean): number {
  if (!fast) {
    const along = slow.share < 1 ? (slow.ratio * (1 - goal)) / (1 - slow.share) : largest;
    return Math.min(largest, Math.max(along, slow.ratio + largest / 32));
  }
  const part = isNew ? (slow.share - goal) / Math.max(1e-9, slow.share - fast.share) : 0.5;
  return slow.ratio + (fast.ratio - slow.ratio) * Math.min(0.9, Math.max(0.1, part));
}
