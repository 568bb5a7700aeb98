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
  /** Only so many models are read for requests at once. */
  readonly inspecting: <T>(work: () => Promise<T>) => Promise<T>;
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
