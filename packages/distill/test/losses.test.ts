/** Every loss against PyTorch in float64: value and gradient. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Tensor, type Model } from "@lathe/core";
import { attentionMaps, attentionTransfer, correlation, decoupled, hardTargets, hiddenCosine, hint, matchLogits, relational, similarity, softTargets, type Term } from "@lathe/distill";
import { ModelBuilder, gradient } from "@lathe/train";
import { runtime } from "./harness.ts";
import { termLosses, type TensorsRead } from "../src/term.ts";

interface Golden {
  readonly name: string;
  readonly options: Record<string, unknown>;
  readonly dims: readonly number[];
  readonly teacherDims: readonly number[];
  readonly student: readonly number[];
  readonly teacher: readonly number[];
  readonly labels?: readonly number[];
  readonly value: number;
  readonly gradient: readonly number[];
}

const cases = JSON.parse(readFileSync(new URL("../../../fixtures/distill/losses.json", import.meta.url), "utf8")) as readonly Golden[];
const pair = { student: "y", teacher: "t" };
const makers: Readonly<Record<string, (options: Record<string, unknown>) => Term>> = {
  softTargets, hardTargets, matchLogits, decoupled, correlation,
  hint: (o) => hint({ ...pair, ...o }), attentionTransfer: (o) => attentionTransfer({ ...pair, ...o }), hiddenCosine: (o) => hiddenCosine({ ...pair, ...o }),
  attentionMaps: (o) => attentionMaps({ ...pair, ...o }), similarity: (o) => similarity({ ...pair, ...o }), relational: (o) => relational({ ...pair, ...o }),
};

const read = (c: Golden): TensorsRead => ({ shapes: new Map([["t", ["M", ...c.teacherDims.slice(1)]]]), batch: "M", first: "t" });

/** A model that gives what it is fed, with a batch of any length. */
function mirror(dims: readonly number[]): Model {
  const b = new ModelBuilder({ name: "mirror", random: () => 0.5 });
  const shape = ["N", ...dims.slice(1)];
  const y = b.node("Mul", [b.input("x", shape), b.scalar("one", 1)]);
  y.name = "y";
  return b.output(y, "y", shape);
}

describe("losses", () => {
  for (const [i, c] of cases.entries()) {
    it(`${c.name} ${JSON.stringify(c.options)} of [${c.dims.join()}] and [${c.teacherDims.join()}] (${i})`, async () => {
      const { loss } = termLosses([makers[c.name]!(c.options)], read(c));
      const made = gradient(mirror(c.dims), { loss, wrt: ["x"] });
      const session = await runtime.load(made.model, { optimization: "disabled" });
      const feeds = { x: Tensor.from("float32", c.dims, c.student), "teacher/t": Tensor.from("float32", c.teacherDims, c.teacher), ...(c.labels ? { labels: Tensor.int64(c.labels) } : {}) };
      const out = await session.run(feeds);
      await session.dispose();
      const value = out[made.loss]!.toNumbers()[0]!;
      expect(Math.abs(value - c.value) / Math.max(1e-3, Math.abs(c.value))).toBeLessThan(2e-5);
      const size = Math.max(...c.gradient.map(Math.abs));
      const worst = Math.max(...out[made.gradients.get("x")!]!.toNumbers().map((g, at) => Math.abs(g - c.gradient[at]!)));
      expect(worst / size).toBeLessThan(5e-5);
    });
  }

  // What is left of the data at the end of an epoch may be a single example.
  it.each(cases.map((c) => c.name).filter((name, i, all) => all.indexOf(name) === i))("%s of a single example is finite, and so is its gradient", async (name) => {
    const c = cases.find((one) => one.name === name)!;
    const { loss } = termLosses([makers[name]!(c.options)], read(c));
    const made = gradient(mirror(c.dims), { loss, wrt: ["x"] });
    const session = await runtime.load(made.model, { optimization: "disabled" });
    const one = (dims: readonly number[], values: readonly number[]): Tensor => Tensor.from("float32", [1, ...dims.slice(1)], values.slice(0, values.length / dims[0]!));
    const out = await session.run({ x: one(c.dims, c.student), "teacher/t": one(c.teacherDims, c.teacher), ...(c.labels ? { labels: Tensor.int64([c.labels[0]!]) } : {}) });
    await session.dispose();
    expect([...out[made.loss]!.toNumbers(), ...out[made.gradients.get("x")!]!.toNumbers()].filter((v) => !Number.isFinite(v))).toEqual([]);
  });

  it("covers every maker", () => {
    expect(new Set(cases.map((c) => c.name))).toEqual(new Set(Object.keys(makers)));
  });
});
