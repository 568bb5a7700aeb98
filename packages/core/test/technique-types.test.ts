/** What TypeScript infers from a technique. The checks happen in the type checker; the tests run the same lines. */
import { defineComposite, defineTechnique, fromRecipe, iterate, Model, pipeline, space, type Dataset, type NeedsOf, type Runtime, type Step } from "@lathe/core";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";

interface Telescope {
  look(): string;
}
declare module "@lathe/core" {
  interface Services {
    telescope: Telescope;
  }
}

const prune = defineTechnique({
  name: "prune",
  summary: "Test.",
  options: z.object({ ratio: z.number(), score: z.enum(["l1", "l2"]).default("l2") }),
  needs: ["data"],
  apply(_model, options, ctx) {
    expectTypeOf(options).toEqualTypeOf<{ ratio: number; score: "l1" | "l2" }>();
    expectTypeOf(ctx.services.data).toEqualTypeOf<Dataset>();
    expectTypeOf(ctx.services.runtime).toEqualTypeOf<Runtime | undefined>();
    expectTypeOf(ctx.need("runtime")).toEqualTypeOf<Runtime>();
    // @ts-expect-error no such service
    void (() => ctx.need("microscope"));
  },
});
const plain = defineTechnique({ name: "plain", summary: "Test.", options: z.object({ keep: z.array(z.string()).default([]) }), apply: () => undefined });
const watch = defineTechnique({ name: "watch", summary: "Test.", options: z.object({}), needs: ["telescope", "runtime"], apply: () => undefined });

const data = { async *[Symbol.asyncIterator]() {} } as unknown as Dataset;
const runtime: Runtime = { name: "none", load: () => Promise.reject(new Error("not here")) };

describe("option types", () => {
  test("the caller writes the input type, the technique receives the output type", () => {
    expectTypeOf(prune).parameter(0).toEqualTypeOf<{ ratio: number; score?: "l1" | "l2" | undefined }>();
    expectTypeOf(prune({ ratio: 0.5 })).toEqualTypeOf<Step<"data">>();
    expectTypeOf(plain()).toEqualTypeOf<Step<never>>();
  });
  test("options may be left out only when all are optional", () => {
    // @ts-expect-error ratio is required
    expect(() => prune()).toThrow(/ratio/);
    // @ts-expect-error ratio is a number
    expect(() => prune({ ratio: "half" })).toThrow(/ratio/);
    expect(plain().name).toBe("plain");
  });
  test("expects and ensures receive the checked options", () => {
    const t = defineTechnique({
      name: "t", summary: "Test.", options: z.object({ n: z.number().default(1) }),
      expects: [(model, options) => (expectTypeOf(model).toEqualTypeOf<Model>(), expectTypeOf(options).toEqualTypeOf<{ n: number }>(), undefined)],
      apply: () => undefined,
    });
    expect(t.expects).toHaveLength(1);
  });
  test("space takes lists of input values", () => {
    expectTypeOf(space(prune, { ratio: [0.1], score: ["l1"] })).toEqualTypeOf<Step<"data">[]>();
    // @ts-expect-error not a score
    expect(() => space(prune, { ratio: [0.1], score: ["l3"] })).toThrow(/score/);
  });
});

describe("service types", () => {
  test("a pipeline needs what its steps need", () => {
    const p = pipeline(prune({ ratio: 0.5 }), plain());
    expectTypeOf(p.steps).toEqualTypeOf<readonly Step<"data">[]>();
    p.run(new Model(), { data });
    // @ts-expect-error data is missing
    p.run(new Model());
    // @ts-expect-error data is missing
    p.run(new Model(), { runtime });
    // @ts-expect-error not a dataset
    p.run(new Model(), { data: 1 });
  });
  test("a pipeline without needs runs without a second argument, and still takes services and settings", () => {
    pipeline(plain()).run(new Model());
    pipeline(plain()).run(new Model(), { seed: 1, data });
  });
  test("services are open to module augmentation", () => {
    const p = pipeline(watch());
    p.run(new Model(), { telescope: { look: () => "" }, runtime });
    // @ts-expect-error the telescope is missing
    p.run(new Model(), { runtime });
  });
  test("a list of steps made at run time demands nothing at compile time", () => {
    const steps: Step[] = [prune({ ratio: 0.5 })];
    pipeline(...steps).run(new Model(), { data });
    pipeline(...steps).run(new Model());
    fromRecipe([prune], [{ use: "prune", with: { ratio: 0.5 } }]).run(new Model(), { data });
  });
  test("steps inside steps pass on their needs", () => {
    const step = iterate({ times: 2 }, prune({ ratio: 0.1 }), watch());
    expectTypeOf<NeedsOf<[typeof step]>>().toEqualTypeOf<"data" | "telescope" | "runtime">();
    const group = defineComposite({ name: "group", summary: "Test.", options: z.object({}), needs: ["evaluate"], apply: () => undefined });
    expectTypeOf(group({}, prune({ ratio: 0.1 }))).toEqualTypeOf<Step<"data" | "evaluate">>();
  });
  test("needs must be services", () => {
    // @ts-expect-error no such service
    const t = defineTechnique({ name: "t", summary: "Test.", options: z.object({}), needs: ["microscope"], apply: () => undefined });
    expect(t.needs).toEqual(["microscope"]);
  });
});
