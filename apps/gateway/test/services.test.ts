/** Steps that judge and train models, and dry runs: with the techniques that the gateway offers by default. */
import { fileURLToPath } from "node:url";
import { Tensor, encodeNpz, sliceRows } from "@lathe/core";
import { readIdx } from "@lathe/core/node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { standardModule } from "../src/techniques/offer.ts";
import type { OptimizeOptions, StepInput } from "@lathe/gateway/client";
import { ask, clientOf, sendModel, startGateway, type TestGateway } from "./support.ts";

// Training takes its time where a machine has other things to do.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let g: TestGateway;
let model: string;
let labelled: string;
let bare: string;
beforeAll(async () => {
  g = await startGateway({ techniques: [standardModule], workers: 2 });
  model = await sendModel(g);
  const [pixels, truth] = await Promise.all(["images-idx3", "labels-idx1"].map((kind) => readIdx(fileURLToPath(new URL(`../../../fixtures/data/fashion-train-512-${kind}-ubyte.gz`, import.meta.url)))));
  const image = Tensor.from("float32", [128, 1, 28, 28], pixels!.toFloat32().slice(0, 128 * 784).map((p) => p / 255));
  const labels = Tensor.from("int64", [128], [...sliceRows(truth!, 0, 128).toFloat32()].map((l) => BigInt(l)));
  const send = async (columns: Record<string, Tensor>, name: string): Promise<string> => (await clientOf(g).uploadDataset(new Uint8Array(await encodeNpz(columns)), { name })).id;
  labelled = await send({ image, labels }, "labelled.npz");
  bare = await send({ image }, "images.npz");
});
afterAll(() => g.close());

const metricsOf = async (steps: readonly StepInput[], options: OptimizeOptions): Promise<Readonly<Record<string, unknown>>> => (await (await clientOf(g).optimize(model, steps, options)).result()).report!.steps.at(-1)!.metrics;

describe("steps that judge models", () => {
  it("quantize within an accuracy budget, by labels in data of their own and another figure", async () => {
    const metrics = await metricsOf([{ quantizeSearch: { maxDrop: 0.05, methods: ["MINMAX"] } }], { data: bare, batch: 32, evaluation: { data: labelled, metric: "TOP5", labels: "labels" } });
    expect(metrics["floatScore"]).toBeGreaterThan(0.95);
    expect(metrics["drop"]).toBeLessThanOrEqual(0.05 + 1e-9);
  });

  it("try steps and keep the best", async () => {
    const steps = [{ search: { goal: "BYTES", maxDrop: 1, steps: [{ simplify: {} }, { quantizeDynamic: { convWeightType: "UINT8" } }] } }];
    const { model: made } = await (await clientOf(g).optimize(model, steps, { evaluation: { data: labelled }, batch: 32 })).result();
    expect(made!.fileBytes).toBeLessThan((await clientOf(g).model(model))!.fileBytes * 0.6);
  });

  it("are refused before a job is accepted when there are no labels", async () => {
    await expect(clientOf(g).optimize(model, [{ search: { goal: "BYTES", steps: [{ simplify: {} }] } }])).rejects.toThrow(/STEP_INVALID: .*labels/);
  });
});

describe("steps that train models", () => {
  it("fine-tune a cut model on labelled data and on the answers of the one before", async () => {
    const metrics = await metricsOf([{ pruneChannels: { ratio: 0.25 } }, { finetune: { epochs: 1, distill: { weight: 0.5 } } }], { data: labelled, batch: 32, seed: 1, teacher: model });
    expect(metrics["steps"]).toBe(4);
    expect(metrics["lastEpochLoss"]).toBeGreaterThan(0);
  });

  it("teach a cut model what the one before says, without labels", async () => {
    const metrics = await metricsOf([{ pruneChannels: { ratio: 0.25 } }, { distill: { epochs: 1, taskWeight: 0 } }], { data: bare, batch: 32, seed: 1 });
    expect(metrics["steps"]).toBe(4);
    expect(metrics["teacherAsked"]).toBe(128);
  });

  it("train with the rounding in place, then quantize", async () => {
    const metrics = await metricsOf([{ quantizeAware: { epochs: 1 } }], { data: labelled, batch: 32 });
    expect(metrics["steps"]).toBe(4);
  });
});

interface Planned {
  readonly technique: string;
  readonly problem: string | null;
  readonly unpredictedReason: string | null;
  readonly predicted: { readonly basis: string; readonly fileBytes: number; readonly stats: { readonly parameters: number; readonly bytes: number; readonly macs: number }; readonly touched: Record<"added" | "removed" | "changed", { readonly count: number; readonly names: string[] }> } | null;
}

const PLAN = `query ($m: ID!, $s: [StepInput!]!, $d: ID, $b: Int) { plan(model: $m, steps: $s, data: $d, batch: $b) { ... on UserError { code message } ... on Plan { runnable steps { technique problem unpredictedReason
  predicted { basis fileBytes stats { parameters bytes macs } touched { added { count names } removed { count names } changed { count names } } } } } } }`;
const planOf = async (steps: readonly object[], more: object = {}): Promise<{ runnable: boolean; steps: Planned[] }> => (await ask<{ plan: { runnable: boolean; steps: Planned[] } }>(g, PLAN, { m: model, s: steps, ...more })).data.plan;

describe("a plan", () => {
  it("foretells to the byte what a job makes of steps without data, and names the nodes that they touch", async () => {
    const steps = [{ simplify: {} }, { pruneChannels: { ratio: 0.25 } }, { quantizeDynamic: { convWeightType: "UINT8" } }];
    const { runnable, steps: planned } = await planOf(steps);
    expect([runnable, planned.map((s) => s.predicted?.basis)]).toEqual([true, ["EXACT", "EXACT", "EXACT"]]);
    const [, cut, quantized] = planned.map((s) => s.predicted!.touched);
    expect(cut!.changed.count).toBeGreaterThan(3);
    expect(cut!.added.count).toBe(0);
    expect(quantized!.added.count).toBeGreaterThan(quantized!.removed.count);
    const { model: made } = await (await clientOf(g).optimize(model, steps)).result();
    const { fileBytes, stats } = planned.at(-1)!.predicted!;
    expect([fileBytes, stats]).toEqual([made!.fileBytes, { parameters: made!.stats.parameters, bytes: made!.stats.bytes, macs: made!.stats.macs }]);
  });

  it("says where a few samples stood for all of the data, and foretells nothing of what judging or training decides, nor of what follows", async () => {
    const judged = { search: { goal: "BYTES", steps: [{ simplify: {} }] } };
    const { runnable, steps } = await planOf([{ simplify: {} }, { quantizeStatic: {} }, judged, { simplify: {} }], { d: bare, b: 4 });
    expect([runnable, steps.map((s) => s.predicted?.basis)]).toEqual([true, ["EXACT", "SAMPLED", undefined, undefined]]);
    expect(steps[1]!.predicted!.fileBytes).toBeLessThan(steps[0]!.predicted!.fileBytes * 0.6);
    expect(steps[2]!.unpredictedReason).toMatch(/judging/);
    expect(steps[3]!.unpredictedReason).toMatch(/step before/);
  });

  it("tells where steps would fail, on the model that they would get", async () => {
    const { runnable, steps } = await planOf([{ quantizeDynamic: { convWeightType: "UINT8" } }, { quantizeStatic: {} }, { simplify: {} }], { d: bare });
    expect([runnable, steps.map((s) => s.problem !== null)]).toEqual([false, [false, true, false]]);
    expect(steps[1]!.problem).not.toMatch(/^[A-Z_]+: /);
    expect(steps[2]!.unpredictedReason).toMatch(/fail/);
  });
});
