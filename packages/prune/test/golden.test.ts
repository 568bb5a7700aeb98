/** Masks of PyTorch, the usual schedule, and reference Wanda and SparseGPT: fixtures/prune/README.md. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { random } from "@lathe/core";
import { chooseMasks, countOf, furtherMask, lnStructured, patternOf, polynomialDecay, randomMask, smallest, sparseGpt, updatesAt, wandaMask, type Mask, type Norm, type Weight } from "@lathe/prune";

interface Packed {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: string;
}

const golden = <T>(name: string): T => JSON.parse(gunzipSync(readFileSync(new URL(`../../../fixtures/prune/${name}.json.gz`, import.meta.url))).toString()) as T;
const floats = ({ data }: Packed): Float32Array => {
  const bytes = Buffer.from(data, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const text = (mask: Mask): string => mask.join("");

interface TorchCase {
  readonly method: "l1" | "ln" | "random" | "global";
  readonly weight: Packed;
  readonly weights: readonly Packed[];
  readonly amount: number;
  readonly then?: number;
  readonly count: boolean;
  readonly n: Norm;
  readonly dim: number;
  readonly zeros: number;
  readonly masks: readonly string[];
}

describe("masks equal those of torch.nn.utils.prune", () => {
  const cases = golden<TorchCase[]>("torch-masks");
  const of = (method: TorchCase["method"]): TorchCase[] => cases.filter((c) => c.method === method);
  const amountOf = ({ amount, count }: TorchCase, size: number): number => (count ? amount : countOf(amount, size));

  it("l1_unstructured, by share and by count", () => {
    for (const c of of("l1").filter((one) => one.then === undefined)) {
      const scores = floats(c.weight).map(Math.abs);
      expect([c.amount, text(smallest(scores, amountOf(c, scores.length)))]).toEqual([c.amount, c.masks[0]]);
    }
  });

  it("l1_unstructured twice: the second amount is of what the first left", () => {
    const unit = (amount: number): "share" | "count" => (Number.isInteger(amount) ? "count" : "share");
    const repeated = of("l1").filter((one) => one.then !== undefined);
    expect(repeated.length).toBeGreaterThan(10);
    for (const { weight, amount, then, masks } of repeated) {
      const scores = floats(weight).map(Math.abs);
      const first = furtherMask(scores, new Uint8Array(scores.length).fill(1), amount, unit(amount));
      expect([text(first), text(furtherMask(scores, first, then!, unit(then!)))]).toEqual(masks);
    }
  });

  it("ln_structured over either axis", () => {
    for (const c of of("ln")) {
      const data = floats(c.weight);
      expect([c.n, c.dim, c.amount, text(lnStructured(data, c.weight.shape, c.dim, c.n, amountOf(c, c.weight.shape[c.dim]!)))]).toEqual([c.n, c.dim, c.amount, c.masks[0]]);
    }
  });

  it("random_unstructured, in number", () => {
    for (const c of of("random")) {
      const size = floats(c.weight).length;
      expect(randomMask(size, amountOf(c, size), random(1)).filter((m) => m === 0).length).toBe(c.zeros);
    }
  });

  it("global_unstructured over four layers", () => {
    for (const c of of("global").filter((one) => !one.count)) {
      const weights = c.weights.map((w) => ({ tensor: { size: floats(w).length, dims: w.shape, toFloat32: () => floats(w) } }) as unknown as Weight);
      const masks = chooseMasks(weights, { sparsity: c.amount, scope: "global", pattern: "free", criterion: "magnitude", pooling: "average" }, random(1));
      expect(masks.map(text)).toEqual(c.masks);
    }
  });
});

it("the polynomial schedule at 1,000 steps", () => {
  for (const { steps, sparsity, updates, ...options } of golden<{ initial: number; final: number; begin: number; end: number; power: number; steps: number[]; sparsity: number[]; updates: string }[]>("schedules")) {
    expect(steps).toHaveLength(1000);
    const [at, changes] = [polynomialDecay(options), updatesAt(options)];
    expect(Math.max(...steps.map((t, i) => Math.abs(at(t) - sparsity[i]!)))).toBeLessThan(1e-12);
    expect(steps.map((t) => (changes(t) ? "1" : "0")).join("")).toBe(updates);
  }
});

describe("one-shot pruning of generated layers", () => {
  interface Layer {
    readonly weight: Packed;
    readonly x: Packed;
    readonly results: readonly { sparsity: number; pattern: readonly [number, number] | null; wanda: string; sparsegpt: Packed }[];
  }
  const layers = golden<Layer[]>("one-shot").map(({ weight, x, results }) => {
    const [rows = 0, columns = 0] = weight.shape;
    const [data, tokens] = [floats(x), x.shape[0]!];
    const hessian = new Float64Array(columns * columns);
    for (let t = 0; t < tokens; t++) for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) hessian[i * columns + j]! += (2 / tokens) * data[t * columns + i]! * data[t * columns + j]!;
    return { rows, columns, tokens, weight: Float64Array.from(floats(weight)), hessian, results };
  });
  const pattern = (p: readonly [number, number] | null) => (p ? patternOf(p.join(":")) : undefined);

  it("by Wanda gives the reference masks", () => {
    for (const { weight, hessian, rows, columns, tokens, results } of layers) {
      const norms = Float64Array.from({ length: columns }, (_, c) => Math.sqrt((hessian[c * columns + c]! * tokens) / 2));
      for (const r of results) expect(text(wandaMask(weight, norms, rows, r.sparsity, pattern(r.pattern)))).toBe(r.wanda);
    }
  });

  it("by SparseGPT gives the reference weights, with a dead input and more inputs than a block", () => {
    for (const { weight, hessian, rows, results } of layers) {
      for (const r of results) {
        const made = sparseGpt(weight, hessian, rows, { sparsity: r.sparsity, pattern: pattern(r.pattern) });
        const reference = floats(r.sparsegpt);
        expect(made.map((w) => Number(w === 0))).toEqual(Float64Array.from(reference, (w) => Number(w === 0)));
        expect(Math.max(...made.map((w, i) => Math.abs(w - reference[i]!)))).toBeLessThan(1e-5);
      }
    }
  });
});
