/** A bucket of tokens per caller: so many requests a second, and a burst. */
export interface Rate {
  /** Seconds to wait; 0 when the request may pass. */
  take(caller: string): number;
}

const FORGET = 10_000;

export function rate(perSecond: number, burst: number, now: () => number = () => performance.now()): Rate {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(caller) {
      const time = now();
      const known = buckets.get(caller);
      const tokens = known ? Math.min(burst, known.tokens + ((time - known.at) / 1000) * perSecond) : burst;
      if (!known && buckets.size >= FORGET) buckets.clear();
      const passes = tokens >= 1;
      buckets.set(caller, { tokens: passes ? tokens - 1 : tokens, at: time });
      return passes ? 0 : Math.ceil((1 - tokens) / perSecond);
    },
  };
}
