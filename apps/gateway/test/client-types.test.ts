/** Operations written by users: their types follow from the shipped schema, and they run. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { graphql, type ResultOf, type VariablesOf } from "@lathe/gateway/graphql";
import type { StepInput } from "@lathe/gateway/client";
import { introspectionText } from "../scripts/introspection.ts";
import { clientOf, sendModel, startGateway, type TestGateway } from "./support.ts";

const figures = graphql(`fragment Figures on ModelStats { parameters macs sparsity operators { name value } }`);
const statsOf = graphql(`query Stats($id: ID!) { model(id: $id) { id name createdAt stats { ...Figures } } }`, [figures]);
const optimize = graphql(`mutation Optimize($model: ID!, $steps: [StepInput!]!, $seed: Int) {
  optimize(model: $model, steps: $steps, seed: $seed) { __typename ... on JobPayload { job { id state } } ... on UserError { code message } } }`);
const events = graphql(`subscription Events($job: ID!) { jobEvents(job: $job) { seq type data } }`);
const names = graphql(`{ models(first: 3) { nodes { name } } }`);

let g: TestGateway;
let model: string;
beforeAll(async () => {
  g = await startGateway();
  model = await sendModel(g);
});
afterAll(() => g.close());

describe("a typed operation", () => {
  it("has the types of its result and variables", () => {
    expectTypeOf<VariablesOf<typeof statsOf>>().toEqualTypeOf<{ id: string }>();
    expectTypeOf<ResultOf<typeof statsOf>>().toEqualTypeOf<{ model: { id: string; name: string; createdAt: string; stats: { parameters: number; macs: number; sparsity: number | null; operators: { name: string; value: number }[] } } | null }>();
    expectTypeOf<VariablesOf<typeof optimize>>().toEqualTypeOf<{ model: string; steps: StepInput[]; seed?: number | null }>();
    expectTypeOf<ResultOf<typeof events>["jobEvents"]["data"]>().toEqualTypeOf<unknown>();
    const client = clientOf(g);
    expectTypeOf(client.query(names)).resolves.toEqualTypeOf<{ models: { nodes: { name: string }[] } }>();
    // @ts-expect-error a variable that is required
    void (() => client.query(statsOf));
    // @ts-expect-error a variable of another type
    void (() => client.query(statsOf, { id: 1 }));
    // @ts-expect-error a field that the schema does not have
    type _ = NonNullable<ResultOf<typeof statsOf>["model"]>["weight"];
  });

  it("runs: a query with a fragment, a mutation, a subscription, and one without variables", async () => {
    const client = clientOf(g);
    const { model: found } = await client.query(statsOf, { id: model });
    expect(found!.stats.operators.map((o) => o.name)).toContain("Conv");
    const { optimize: made } = await client.query(optimize, { model, steps: [{ simplify: {} }] });
    if (made.__typename !== "JobPayload") throw new Error(made.code);
    const types = [];
    for await (const { jobEvents } of client.subscribe(events, { job: made.job.id })) types.push(jobEvents.type);
    expect([types[0], types.at(-1)]).toEqual(["QUEUED", "SUCCEEDED"]);
    expect((await client.query(names)).models.nodes).toHaveLength(2);
    await expect(client.query({})).rejects.toThrow("does not carry its text");
  });
});

it("has types that are made of the schema as it is", async () => {
  expect(await readFile(new URL("../src/client/introspection.ts", import.meta.url), "utf8"), "run: tsx apps/gateway/scripts/introspection.ts").toBe(introspectionText());
});
