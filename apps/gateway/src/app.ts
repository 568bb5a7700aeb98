/** What requests work with. */
import type { Scope, Principal, Keys } from "./auth.ts";
import type { Db } from "./db/db.ts";
import { gatewayErrors } from "./errors.ts";
import type { Allowance } from "./http/rate.ts";
import type { Children } from "./jobs/children.ts";
import type { JobEngine } from "./jobs/engine.ts";
import type { EventHub } from "./jobs/events.ts";
import type { Limits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { BlobStore } from "./store/blobs.ts";
import type { Rows } from "./store/rows.ts";
import type { Offer } from "./techniques/offer.ts";

export interface App {
  readonly db: Db;
  readonly blobs: BlobStore;
  readonly rows: Rows;
  readonly engine: JobEngine;
  readonly hub: EventHub;
  readonly children: Children;
  readonly offer: Offer;
  readonly keys: Keys;
  readonly limits: Limits;
  readonly log: Log;
  /** Signs addresses. */
  readonly secret: string;
  /** Where requests wait for a process of their own: plans do not hold up uploads. */
  readonly lanes: Readonly<Record<LaneName, Lane>>;
}

/** One request. */
export interface Ctx {
  readonly app: App;
  readonly principal: Principal;
  /** What is left of the caller's request rate. */
  readonly allowance: Allowance;
  /** Scheme and host by which the client reached us. */
  readonly origin: string;
  readonly signal: AbortSignal;
}

/** @throws FORBIDDEN */
export function demand(ctx: Ctx, scope: Scope): void {
  if (!ctx.principal.scopes.has(scope)) throw gatewayErrors.FORBIDDEN({ scope });
}

/** Things of others are not there, except for administrators. */
export const mayRead = (ctx: Ctx, row: { readonly owner: string }): boolean =>
  ctx.principal.scopes.has("read") && (row.owner === ctx.principal.owner || ctx.principal.scopes.has("admin"));

export type LaneName = "reading" | "planning";

export interface Lane {
  /** Work of an owner's request, when its turn comes. @throws TOO_MANY */
  run<T>(owner: string, work: () => Promise<T>): Promise<T>;
  /** How much of an owner runs or waits. */
  held(owner: string): number;
}

/** At most `slots` at once, and of one owner at most `most`, those that wait included. */
export function lane(what: string, slots: number, most: number): Lane {
  const turn = gate(slots);
  const held = new Map<string, number>();
  return {
    held: (owner) => held.get(owner) ?? 0,
    async run(owner, work) {
      const mine = held.get(owner) ?? 0;
      if (mine >= most) throw gatewayErrors.TOO_MANY({ what, limit: most });
      held.set(owner, mine + 1);
      try {
        return await turn(work);
      } finally {
        const left = held.get(owner)! - 1;
        if (left > 0) held.set(owner, left);
        else held.delete(owner);
      }
    },
  };
}

/** At most `slots` at once; the rest wait their turn. */
export function gate(slots: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = slots;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
