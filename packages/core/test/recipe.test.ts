/** Recipes, search, iteration, and what hosts read from a technique. */
import { defineTechnique, describeTechnique, encodeModel, fromRecipe, iterate, jsonSchemaOf, pipeline, recipeSchema, search, space, Tensor, toRecipe, type Model, type Pipeline, type StandardSchemaV1 } from "@lathe/core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { noise, scale, mark, tinyModel, weightOf } from "./helpers-technique.ts";

const techniques = [scale, noise, mark, iterate, search];

describe("fromRecipe and toRecipe", () => {
  const built = pipeline(scale({ by: 3 }), iterate({ times: 2 }, noise(), scale()), mark({ fail: false }));
  const recipe = [
    { use: "scale", with: { by: 3 } },
    { use: "iterate", with: { times: 2 }, steps: [{ use: "noise" }, { use: "scale" }] },
    { use: "mark", with: { fail: false } },
  ];
  test("are inverse", () => {
    expect(toRecipe(built)).toEqual(recipe);
    expect(toRecipe(fromRecipe(techniques, JSON.parse(JSON.stringify(recipe))))).toEqual(recipe);
  });
  test("a recipe gives the same bytes as the same pipeline in code", async () => {
    const bytes = async (p: Pipeline): Promise<Uint8Array> =>
      encodeModel((await p.run(tinyModel(), { seed: 5 }).result).model);
    expect(await bytes(fromRecipe(techniques, recipe))).toEqual(await bytes(pipeline(...built.steps)));
  });

  test.each<[string, unknown, string, RegExp]>([
    ["not a list", { use: "scale" }, "RECIPE_INVALID", /at the top: a list of steps was expected, a value of type object came/],
    ["an empty list", [], "RECIPE_INVALID", /at least one step/],
    ["a step that is text", ["scale"], "RECIPE_INVALID", /at step 1: .*a value of type string came/],
    ["no name", [{ use: "scale" }, { with: {} }], "RECIPE_INVALID", /at step 2: a technique name in "use" was expected, nothing came/],
    ["a stray key", [{ use: "scale", options: {} }], "RECIPE_INVALID", /the key "options" came/],
    ["wrong options", [{ use: "scale", with: { by: "two" } }], "OPTIONS_INVALID", /by: /],
    ["an unknown option", [{ use: "scale", with: { bye: 2 } }], "OPTIONS_INVALID", /bye/],
    ["steps where none go", [{ use: "scale", steps: [{ use: "noise" }] }], "RECIPE_INVALID", /no "steps" for "scale"/],
    ["missing inner steps", [{ use: "iterate", with: { times: 2 } }], "RECIPE_INVALID", /at step 1: a list of steps was expected, nothing came/],
    ["a fault further in", [{ use: "noise" }, { use: "iterate", with: { times: 2 }, steps: [{ use: "noise" }, { use: "scal" }] }], "RECIPE_UNKNOWN_TECHNIQUE", /"scal" at step 2\.2.*offers: scale, noise, mark, iterate, search.*Did you mean "scale"\?/],
    ["a far-off name", [{ use: "quantize" }], "RECIPE_UNKNOWN_TECHNIQUE", /iterate, search\)\. Correct/],
  ])("%s is refused", (_, bad, code, text) => {
    try {
      fromRecipe(techniques, bad);
    } catch (error) {
      expect(error).toMatchObject({ code });
      expect((error as Error).message).toMatch(text);
      return;
    }
    expect.unreachable();
  });
  test("two techniques of one name are refused, the same one twice is not", () => {
    const twin = defineTechnique({ name: "scale", summary: "", options: z.object({}), apply: () => undefined });
    expect(() => fromRecipe([scale, twin], [{ use: "scale" }])).toThrow(/RECIPE_DUPLICATE_TECHNIQUE/);
    expect(fromRecipe([scale, scale], [{ use: "scale" }]).steps).toHaveLength(1);
  });
  test("what is not a technique is refused", () => {
    expect(() => fromRecipe([scale() as never], [{ use: "scale" }])).toThrow(/NOT_A_TECHNIQUE/);
  });
  test("options that JSON cannot hold are named", () => {
    const t = defineTechnique({ name: "fn", summary: "", options: z.object({ deep: z.object({ list: z.array(z.unknown()) }) }), apply: () => undefined });
    const given = (item: unknown): ReturnType<typeof pipeline> => pipeline(t({ deep: { list: [1, item] } }));
    expect(() => toRecipe(given(() => 1))).toThrow(/RECIPE_NOT_JSON: Option deep\.list\.1 of "fn" is a function/);
    expect(() => toRecipe(given(new Date(0)))).toThrow(/an instance of Date/);
    expect(() => toRecipe(given(NaN))).toThrow(/is NaN/);
  });
});

describe("what hosts read", () => {
  test("describeTechnique gives the input schema, with defaults and descriptions", () => {
    expect(describeTechnique(scale)).toEqual({
      name: "scale", summary: "Multiplies the weights.", needs: [], takesSteps: false,
      options: {
        $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", additionalProperties: false,
        properties: { by: { type: "number", minimum: -10, maximum: 10, default: 2, description: "factor" } },
      },
    });
    expect(describeTechnique(search)).toMatchObject({ needs: ["evaluate"], takesSteps: true });
  });
  test("a schema with a method of its own is read through it; one without is refused by vendor", () => {
    const standard = { version: 1, vendor: "hand", validate: (value: unknown) => ({ value }) } as const;
    const bare: StandardSchemaV1 = { "~standard": standard };
    expect(() => jsonSchemaOf({ name: "t", options: bare })).toThrow(/JSON_SCHEMA_UNAVAILABLE.*hand/);
    const able = { "~standard": standard, toJsonSchema: () => ({ type: "object" }) };
    expect(jsonSchemaOf({ name: "t", options: able })).toEqual({ type: "object" });
  });
  test("recipeSchema lists each technique with its options", () => {
    const schema = recipeSchema([scale, iterate]) as { type: string; $defs: { step: { anyOf: { required: string[]; properties: Record<string, unknown> }[] } } };
    const [first, second] = schema.$defs.step.anyOf;
    expect(schema.type).toBe("array");
    expect(first).toMatchObject({ properties: { use: { const: "scale" }, with: { properties: { by: { type: "number" } } } }, required: ["use"], additionalProperties: false });
    expect(second).toMatchObject({ properties: { use: { const: "iterate" }, steps: { items: { $ref: "#/$defs/step" } } }, required: ["use", "with", "steps"] });
  });
});

describe("recipeSchema", () => {
  test("definitions inside options stay theirs", () => {
    const options = { type: "object", properties: { by: { $ref: "#/$defs/step" } }, $defs: { step: { type: "number" } } };
    const standard = { version: 1 as const, vendor: "hand", validate: (value: unknown) => ({ value }), jsonSchema: { input: () => options, output: () => options } };
    const own = defineTechnique({ name: "own", summary: "Has definitions.", options: { "~standard": standard } as StandardSchemaV1<object, object>, apply: () => undefined });
    const schema = recipeSchema([own]) as { $defs: { step: { anyOf: { properties: { with: object } }[] } } };
    // A schema with an identifier is a resource of its own: references in it begin there (JSON Schema 2020-12, 8.2.1).
    expect(schema.$defs.step.anyOf[0]!.properties.with).toEqual({ $id: "urn:lathe:technique:own", ...options });
  });
});

describe("iterate", () => {
  test("runs its steps in turns", async () => {
    const { model, report } = await pipeline(iterate({ times: 3 }, scale({ by: 2 }))).run(tinyModel()).result;
    expect(weightOf(model)[0]).toBe(-40);
    expect(report.data.steps[0]!.steps).toHaveLength(3);
    expect(report.data.steps[0]!.metrics).toEqual({ rounds: 3 });
  });
  test("each turn of a random step has a seed of its own", async () => {
    const { report } = await pipeline(iterate({ times: 3 }, noise())).run(tinyModel()).result;
    expect(new Set(report.data.steps[0]!.steps.map((s) => s.seed)).size).toBe(3);
  });
});

describe("search", () => {
  /** The score falls with the distance of the first weight from -12. */
  const evaluate = (model: Model): { closeness: number; other: number } => ({ closeness: -Math.abs(weightOf(model)[0]! + 12), other: 99 });

  test("space lists every combination, the last option varying fastest", () => {
    const two = defineTechnique({ name: "two", summary: "", options: z.object({ a: z.number(), b: z.string() }), apply: () => undefined });
    expect(space(two, { a: [1, 2], b: ["x", "y"] }).map((s) => s.given)).toEqual([{ a: 1, b: "x" }, { a: 1, b: "y" }, { a: 2, b: "x" }, { a: 2, b: "y" }]);
  });
  test("goes on with the candidate of the best score; every trial is in the report", async () => {
    const model = tinyModel();
    const run = pipeline(search({}, ...space(scale, { by: [1, 2, 3, 4] })), scale({ by: 10 })).run(model, { evaluate });
    const { model: made, report } = await run.result;
    expect(weightOf(made)[0]).toBe(-100);
    expect(weightOf(model)[0]).toBe(-5);
    expect(report.data.steps[0]!.metrics).toMatchObject({ tried: 4, score: -2 });
    expect(report.data.steps[0]!.details).toMatchObject([{ with: { by: 1 }, score: -7, chosen: false }, { with: { by: 2 }, score: -2, chosen: true }, { score: -3 }, { score: -8 }]);
  });
  test("goes on with the smallest candidate that loses no more than allowed", async () => {
    const drop = defineTechnique({
      name: "drop", summary: "", options: z.object({ rows: z.number() }),
      apply(model, { rows }) {
        const [w] = model.graph.initializers;
        model.graph.setInitializer(w!, Tensor.from("float32", [4 - rows, 3], w!.tensor!.toNumbers().slice(0, (4 - rows) * 3)));
      },
    });
    const size = (model: Model): number => [...model.graph.initializers][0]!.tensor!.size;
    const run = pipeline(search({ goal: "bytes", maxDrop: 6 }, ...space(drop, { rows: [1, 2, 3] }))).run(tinyModel(), { evaluate: size });
    expect(size((await run.result).model)).toBe(6);
  });
  test("a failing candidate is noted and passed over", async () => {
    const { report } = await pipeline(search({}, mark({ fail: true }), scale())).run(tinyModel(), { evaluate }).result;
    expect(report.data.steps[0]!.details).toMatchObject([{ use: "mark", score: null, error: expect.stringContaining("does not stick") }, { use: "scale", chosen: true }]);
  });
  test("when nothing fits, the nearest is named", async () => {
    const run = pipeline(search({ maxDrop: 0 }, scale({ by: -1 }), scale({ by: 0 }))).run(tinyModel(), { evaluate });
    await expect(run.result).rejects.toThrow(/SEARCH_NOTHING_FITS.*2 candidates.*score >= -7; the nearest: scale {"by":0} with -12/);
  });
  test("a budget samples the candidates by the seed, in their order", async () => {
    const tried = async (seed: number): Promise<unknown[]> => {
      const { report } = await pipeline(search({ budget: 3 }, ...space(scale, { by: [1, 2, 3, 4, 5, 6, 7, 8] }))).run(tinyModel(), { evaluate, seed }).result;
      return (report.data.steps[0]!.details as { with: { by: number } }[]).map((t) => t.with.by);
    };
    const first = await tried(1);
    expect(first).toHaveLength(3);
    expect(first).toEqual([...first].sort());
    expect(await tried(1)).toEqual(first);
    expect(await Promise.all([2, 3, 4].map(tried))).not.toEqual([first, first, first]);
  });
});
