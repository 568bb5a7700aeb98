/** A bucket of tokens per caller: so many requests a second, and a burst. */
export interface Allowance {
  /** Seconds to wait; 0 when the request may pass. */
  readonly wait: number;
  /** Requests when the bucket is full, and by which it is filled each second. */
  readonly limit: number;
  readonly perSecond: number;
  /** Requests that may come at once now. */
  readonly remaining: number;
  /** Seconds until the bucket is full. */
  readonly resetSeconds: number;
}

export interface Rate {
  take(caller: string): Allowance;
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
      const left = passes ? tokens - 1 : tokens;
      buckets.set(caller, { tokens: left, at: time });
      return { wait: passes ? 0 : Math.ceil((1 - tokens) / perSecond), limit: burst, perSecond, remaining: Math.floor(left), resetSeconds: Math.ceil((burst - left) / perSecond) };
    },
  };
}

/** The fields of the IETF draft on rate limits: what there is, and what is left. */
export const rateHeaders = ({ limit, perSecond, remaining, resetSeconds }: Allowance): Record<string, string> => ({
  "ratelimit-policy": `"key";q=${limit};w=${Math.ceil(limit / perSecond)}`,
  ratelimit: `"key";r=${remaining};t=${resetSeconds}`,
});
