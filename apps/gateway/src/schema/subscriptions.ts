import type { Ctx } from "../app.ts";
import type { JobEventRow } from "../jobs/model.ts";
import { find } from "../store/find.ts";
import { badInput, type Builder } from "./builder.ts";
import { problemOf } from "./problems.ts";
import type { SchemaParts } from "./queries.ts";

/** Subscriptions each key holds on this process. */
const held = new Map<string, number>();

export function subscriptionType(builder: Builder, { jobs }: SchemaParts): void {
  builder.subscriptionType({
    description: "What can be followed live, as server-sent events.",
    fields: (t) => ({
      jobEvents: t.field({
        type: jobs.event, description: "Events of a job from the first after `after` on, each once and in order, to its last one. After a broken connection subscribe again with the last number seen.",
        args: { job: t.arg.id({ required: true, description: "Global id of the job." }), after: t.arg.int({ description: "Number of the last event already seen; default 0." }) },
        subscribe: (_, { job, after }, ctx) => follow(ctx, job, after ?? 0),
        resolve: (event) => event as JobEventRow,
      }),
    }),
  });
}

async function* follow(ctx: Ctx, id: string, after: number): AsyncGenerator<JobEventRow, void, undefined> {
  const { app, principal } = ctx;
  const row = await find(ctx, "Job", id).catch((error: unknown) => {
    throw badInput(problemOf(error).message);
  });
  const count = held.get(principal.keyId) ?? 0;
  if (count >= app.limits.subscriptions) throw badInput(`This key holds ${count} subscriptions already, which is the limit.`);
  held.set(principal.keyId, count + 1);
  try {
    yield* app.hub.follow(row.id, after, ctx.signal);
  } finally {
    const left = (held.get(principal.keyId) ?? 1) - 1;
    if (left > 0) held.set(principal.keyId, left);
    else held.delete(principal.keyId);
  }
}
