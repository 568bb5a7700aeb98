/** Targets: what a plan must reach, how measured time is approached, and plans by sensitivity. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attr, dataset, pipeline, random, stats, tensorType, type Model } from "@lathe/core";
import { ortRuntime, randomTensor } from "@lathe/ort";
import { cheapestPath, pruneChannels, type Group } from "@lathe/prune";
import { ModelBuilder, resnet20, vit } from "@lathe/train";
// White box: the search alone, on times that are known.
import { approach } from "../src/target/approach.ts";

const runtime = ortRuntime();

/** Time of `steps` equal widths, of which a share stays; measured with an error that changes from time to time. */
function stairs(steps: number, floor: number, error: () => number) {
  const width = (ratio: number): number => Math.ceil(steps * (1 - ratio) - 1e-9);
  const truth = (ratio: number): number => floor + ((1 - floor) * width(ratio)) / steps;
  const asked: { ratio: number; confirms: boolean }[] = [];
  return {
    truth, asked,
    plan: (ratio: number) => String(width(ratio)),
    time: async (ratio: number, confirms: boolean) => {
      asked.push({ ratio, confirms });
      return truth(ratio) * (1 + error());
    },
  };
}

const search = (goal: number, tolerance: number, first: number, made: ReturnType<typeof stairs>) =>
  approach({ goal, slowest: goal / (1 - tolerance), fastest: goal / (1 + tolerance), largest: 0.8, first, plan: made.plan, time: made.time });

describe("the approach to a measured time", () => {
  it("finds a plan within the tolerance, or the neighbours of the goal, in few measurements", async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 4, max: 200 }), fc.double({ min: 0, max: 0.4, noNaN: true }), fc.double({ min: 0.55, max: 0.95, noNaN: true }), fc.double({ min: 0.05, max: 0.8, noNaN: true }), async (steps, floor, goal, first) => {
      const made = stairs(steps, floor, () => 0);
      const found = await search(goal, 0.03, first, made);
      expect(made.asked.length).toBeLessThanOrEqual(12);
      expect(new Set(made.asked.filter((a) => !a.confirms).map((a) => made.plan(a.ratio))).size).toBe(made.asked.filter((a) => !a.confirms).length);
      if (!found) return expect(made.truth(0.8)).toBeGreaterThan(goal / 0.97);
      expect(found.share).toBeLessThanOrEqual(goal / 0.97);
      // Too fast only where one step less is too slow.
      if (found.share < goal / 1.03) expect(found.share + (1 - floor) / steps).toBeGreaterThan(goal / 0.97);
    }));
  });

  it("does not take a plan that met the goal by luck alone", async () => {
    // The first measurement is 10 % too fast, all others are right.
    let measured = 0;
    const made = stairs(100, 0, () => (measured++ === 0 ? -0.1 : 0));
    const found = await search(0.75, 0.03, 0.17, made);
    expect(made.asked[1]).toEqual({ ratio: 0.17, confirms: true });
    expect(made.truth(found!.ratio)).toBeLessThanOrEqual(0.75 / 0.97);
    expect(made.truth(found!.ratio)).toBeGreaterThanOrEqual(0.75 / 1.03);
  });

  it("says when even the largest cut is too slow", async () => {
    expect(await search(0.5, 0.03, 0.5, stairs(50, 0.6, () => 0))).toBeUndefined();
  });
});

const uniform = (seed: number) => random(seed).float;
const net = (): Model => resnet20({ random: uniform(2), channels: 1, size: 28, classes: 10 });

describe("a target that cannot be counted or reached", () => {
  it("is refused with what is reached, and the model stays", async () => {
    const model = net();
    await expect(pipeline(pruneChannels({ ratio: 0.9, target: "macs", maxRatio: 0.5, roundTo: 1 })).run(model).result).rejects.toThrow(/PRUNE_TARGET.*90\.0 % of the multiply-adds.*the largest takes 7\d\.\d %/);
    expect(stats(model).parameters).toBe(stats(net()).parameters);
  });

  /** A convolutional network for images of any width. */
  function wide(): Model {
    const b = new ModelBuilder({ name: "wide", random: uniform(1) });
    const x = b.input("input", ["N", 3, 8, 8]);
    x.type = tensorType("float32", ["N", 3, 8, "W"]);
    return b.output(b.conv(b.relu(b.conv(x, "a", 3, 32)), "b", 32, 4), "map", ["N", 4, 8, "W"]);
  }

  it("multiply-adds of images of any width need a sample, whose width is counted with", async () => {
    const step = pruneChannels({ ratio: 0.5, target: "macs" });
    await expect(pipeline(step).run(wide()).result).rejects.toThrow(/PRUNE_UNKNOWN_WORK.*W/);
    const { model } = await pipeline(step).run(wide(), { data: dataset([{ input: randomTensor("float32", [1, 3, 8, 24], random(1)) }]) }).result;
    expect(model.graph.value("a.weight")!.tensor!.dims[0]).toBe(16);
  });
});

describe("rounding of widths", () => {
  it("counts the columns of a head, not heads", async () => {
    const model = vit({ random: uniform(4), channels: 1, size: 28, classes: 10, hidden: 64, heads: 4, layers: 1 });
    const { report } = await pipeline(pruneChannels({ ratio: 0.5, scope: "group", roundTo: 16 })).run(model).result;
    const { widths } = report.data.steps[0]!.details as unknown as { widths: { before: number; after: number }[] };
    expect(widths.find((w) => w.before === 4)!.after).toBe(2);
    expect(widths.filter((w) => w.before > 4).every((w) => w.after % 16 === 0)).toBe(true);
  });
});

describe("without roundTo", () => {
  it.each([[64, 40], [48, 32], [16, 8], [12, 8], [6, 4], [3, 2]])("of %i channels, 40 percent cut, %i stay", async (width, kept) => {
    const b = new ModelBuilder({ name: "two", random: uniform(1) });
    const model = b.output(b.conv(b.relu(b.conv(b.input("input", ["N", 3, 8, 8]), "a", 3, width)), "b", width, 4), "map", ["N", 4, 8, 8]);
    const { model: small } = await pipeline(pruneChannels({ ratio: 0.4, scope: "group" })).run(model).result;
    expect(small.graph.value("a.weight")!.tensor!.dims[0]).toBe(kept);
  });
});

describe("plans by sensitivity", () => {
  /** Two layers, of which the second sends next to nothing on. */
  function uneven(): Model {
    const b = new ModelBuilder({ name: "uneven", random: uniform(3) });
    const x = b.input("input", ["N", 4, 8, 8]);
    const [loud, quiet] = [b.conv(b.relu(b.conv(x, "a", 4, 16)), "loud", 16, 4), b.conv(b.relu(b.conv(x, "b", 4, 16)), "quiet", 16, 4)];
    const model = b.output(b.node("Flatten", [b.globalAveragePool(b.node("Add", [loud, quiet]))], { axis: attr.int(1) }), "out", ["N", 4]);
    const value = model.graph.value("quiet.weight")!;
    model.graph.setInitializer(value, randomTensor("float32", value.tensor!.dims, random(1), [-1e-4, 1e-4]));
    return model;
  }
  const data = dataset([0, 1].map((i) => ({ input: randomTensor("float32", [4, 4, 8, 8], random(i)) })));

  it.each(["units", "macs", "parameters"] as const)("take from the group that the outputs do not feel (%s)", async (target) => {
    const { model, report } = await pipeline(pruneChannels({ ratio: 0.25, target, scope: "sensitivity", roundTo: 2 })).run(uneven(), { runtime, data }).result;
    const width = (name: string): number => model.graph.value(name)!.tensor!.dims[0]!;
    expect(width("a.weight")).toBe(16);
    expect(width("b.weight")).toBeLessThanOrEqual(8);
    const { sensitivity } = report.data.steps[0]!.details as unknown as { sensitivity: { points: { cost: number; gain: number }[] }[] };
    expect(sensitivity).toHaveLength(2);
    for (const { points } of sensitivity) for (const [i, point] of points.entries()) if (i > 0) expect(point.gain).toBeGreaterThan(points[i - 1]!.gain);
  });

  it("walk the hull of each group, the cheapest step of all first", async () => {
    const group = (name: string): Group => ({ name, units: Array.from({ length: 8 }, () => ({ members: [] })), parameters: [], approximate: false });
    const costs: Readonly<Record<string, readonly number[]>> = { a: [0.1, 0.4], b: [0.3, 0.31] };
    const [a, b] = [group("a"), group("b")];
    const count = (selection: ReadonlyMap<Group, ReadonlySet<unknown>>): [string, number] => [...selection].map(([g, units]) => [g.name, units.size] as [string, number])[0]!;
    const { steps } = await cheapestPath([a, b].map((g) => ({ group: g, scores: new Float64Array(8) })), {
      stride: () => 2, counts: () => [2, 4],
      cost: async (selection) => costs[count(selection)[0]]![count(selection)[1] / 2 - 1]!,
      gain: (selection) => count(selection)[1] / 8,
    });
    expect(steps.map((s) => [s.group.name, s.units])).toEqual([["a", 2], ["b", 2], ["b", 4], ["a", 4]]);
  });
});
