/**
 * The tie rules against ONNX Runtime: for every axis that a rule speaks of, one position is cut, the cut is closed under the ties,
 * and the smaller node (with its repairs) must give what the whole node gives at the kept positions: as it is, where no span is met;
 * with zeros in the slices that go, where the node sums over them.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { axisLabel, Graph, standardOps, Tensor, tensorType, type Axis, type Shape, type TieContext, type TieRule } from "@lathe/core";
import { axesOfRule, close, contextOf, emptiesAnAxis, shrink, slice, zero, type Closed } from "./cut.ts";
import { build, f, fed, feedsOf, ints, row, runCase, runOrt, weight, type OpCase } from "./harness.ts";
import { tieCases } from "./tie-cases.ts";

interface Trial extends Closed {
  readonly start: Axis;
}

/** Cuts of the first and of a middle position of every axis, along either factor of a product, that leave something. */
function trials(rule: TieRule, context: TieContext): Trial[] {
  const all = new Map<string, Trial>();
  for (const start of axesOfRule(rule)) {
    for (const [position, choice] of [[0, 0], [0, 1], [1, 0]] as const) {
      const closed = close(rule, context, start, position, choice);
      if (emptiesAnAxis(rule, context, closed.cuts)) continue;
      const key = [...closed.cuts].map(([axis, set]) => `${axis}:${[...set].toSorted((a, b) => a - b).join()}`).toSorted().join(" ");
      if (!all.has(key)) all.set(key, { start, ...closed });
    }
  }
  return [...all.values()];
}

async function prove(c: OpCase, rule: TieRule, context: TieContext, whole: readonly Tensor[], { cuts, span }: Trial): Promise<void> {
  const small = shrink(c, rule, context, cuts);
  const got = await runOrt(small.model, feedsOf(c, small.tensors));
  const zeroed = c.inputs.map((operand, i) => (operand ? zero(operand.tensor, cuts, i) : undefined));
  const reference = span === "sum" ? await runOrt(build(c, zeroed).model, feedsOf(c, zeroed)) : whole;
  const wanted = reference.map((t, o) => slice(t, cuts, "out", o));
  expect(got.map((t) => [...t.dims])).toEqual(wanted.map((t) => [...t.dims]));
  if (span === "norm") return;
  got.forEach((t, o) => {
    const [a, b] = [t.toNumbers(), wanted[o]!.toNumbers()];
    a.forEach((v, i) => expect(Math.abs(v - b[i]!), `output ${o} element ${i}: ${v} and ${b[i]}`).toBeLessThan(1e-4 * Math.max(1, Math.abs(v))));
  });
}

async function ruleOf(c: OpCase): Promise<{ rule: TieRule | undefined; context: TieContext; whole: readonly Tensor[] }> {
  const { node } = build(c);
  const whole = await runCase(c);
  const context = contextOf(c, node, whole);
  return { rule: standardOps.of(node)?.ties?.(context), context, whole };
}

/** Rows whose axes are all held on purpose. */
const held = new Set(["Reshape of interleaving axes", "Reshape that copies the length of another axis"]);

describe("a cut closed under the ties changes nothing else", () => {
  test.each(tieCases.filter((c) => !held.has(c.note)).map((c) => [c.note, c] as const))("%s", async (_, c) => {
    const { rule, context, whole } = await ruleOf(c);
    const cut = rule ? trials(rule, context) : [];
    expect(cut.length, "some axis can be cut").toBeGreaterThan(0);
    for (const trial of cut) {
      try {
        await prove(c, rule!, context, whole, trial);
      } catch (error) {
        throw new Error(`cutting ${axisLabel(trial.start)} (${[...trial.cuts].map(([a, s]) => `${a}:${[...s].join()}`).join(" ")})`, { cause: error });
      }
    }
  });
});

describe("a cut of a random node changes nothing else", () => {
  const small = fc.integer({ min: 1, max: 4 });
  /** Splits a number of elements into a shape, at random. */
  const shapeOf = fc.array(fc.constantFrom<number[]>(1, 2, 2, 3, 4), { minLength: 1, maxLength: 4 });

  async function holds(c: OpCase): Promise<void> {
    const { rule, context, whole } = await ruleOf(c);
    for (const trial of rule ? trials(rule, context) : []) await prove(c, rule!, context, whole, trial);
  }

  test("Reshape", async () => {
    await fc.assert(fc.asyncProperty(shapeOf, shapeOf, async (from, to) => {
      const [a, b] = [from.reduce((p, d) => p * d, 1), to.reduce((p, d) => p * d, 1)];
      // The two shapes get the same size by a last axis each.
      const common = (a * b) / gcd(a, b);
      await holds(row("Reshape", [f(...from, common / a), ints(...to, common / b)]));
    }), { numRuns: 60 });
  });

  test("grouped Conv and ConvTranspose", async () => {
    await fc.assert(fc.asyncProperty(small, small, small, fc.boolean(), async (group, inputs, outputs, transpose) => {
      const w = transpose ? weight(group * inputs, outputs, 1) : weight(group * outputs, inputs, 1);
      await holds(row(transpose ? "ConvTranspose" : "Conv", [f(1, group * inputs, 3), w, weight(group * outputs)], { group }));
    }), { numRuns: 40 });
  });

  test("broadcasting", async () => {
    const dims = fc.array(fc.record({ length: small, a: fc.boolean(), b: fc.boolean() }), { minLength: 1, maxLength: 4 });
    await fc.assert(fc.asyncProperty(dims, fc.nat(3), async (all, drop) => {
      const b = all.map((d) => (d.b ? 1 : d.length));
      await holds(row("Add", [f(...all.map((d) => (d.a ? 1 : d.length))), f(...b.slice(Math.min(drop, b.length)))]));
    }), { numRuns: 40 });
  });

  test("Slice, Pad and Concat along one axis", async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 2, max: 6 }), fc.nat(2), fc.nat(2), async (n, before, after) => {
      await holds(row("Slice", [f(2, n + before + after), ints(before), ints(before + n), ints(1)]));
      await holds(row("Pad", [f(2, n), ints(0, before, 0, after)]));
      await holds(row("Concat", [f(2, n), f(2, before + 1), f(2, after + 1)], { axis: -1 }));
    }), { numRuns: 25 });
  });
});

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

describe("held on purpose", () => {
  test.each(tieCases.filter((c) => held.has(c.note)).map((c) => [c.note, c] as const))("%s", async (_, c) => {
    const { rule } = await ruleOf(c);
    expect(rule?.ties ?? []).toEqual([]);
  });
});

/** "a=b" an equivalence, "a<b" a factor of a product; then offset @, outer x, inner *, and the span. */
const print = (rule: TieRule | undefined): string[] => [
  ...(rule?.ties ?? []).map(({ a, b, offset, outer, inner, factor, spans, map }) =>
    `${axisLabel(a)}${factor ? "<" : "="}${axisLabel(b)}${offset ? `@${offset}` : ""}${outer && outer > 1 ? `x${outer}` : ""}${inner && inner > 1 ? `*${inner}` : ""}${map ? `[${map.join()}]` : ""}${spans ? ` ${spans}` : ""}`),
  ...(rule?.free ?? []).map(({ axis, spans }) => `free ${axisLabel(axis)}${spans ? ` ${spans}` : ""}`),
];

describe("rules in full", () => {
  test.each<readonly [OpCase, readonly string[]]>([
    [row("Conv", [f(1, 4, 5, 5), weight(6, 4, 3, 3), weight(6)]), ["in0.0=out0.0", "in0.1=in1.1 sum", "in1.0=out0.1", "in1.0=in2.0"]],
    [row("Conv", [f(1, 4, 5, 5), weight(8, 1, 3, 3)], { group: 4 }), ["in0.0=out0.0", "factor0=in0.1", "factor0<in1.0*2", "factor1<in1.0x4", "factor0<out0.1*2", "factor1<out0.1x4"]],
    [row("Conv", [f(1, 6, 4, 4), weight(4, 3, 1, 1)], { group: 2 }), ["in0.0=out0.0", "factor0<in0.1*3", "in1.1<in0.1x2 sum", "factor0<in1.0*2", "factor1<in1.0x2", "factor0<out0.1*2", "factor1<out0.1x2"]],
    [row("MatMul", [f(2, 3, 4, 5), f(2, 3, 5, 6)]), ["in0.3=in1.2 sum", "in1.3=out0.3", "in0.2=out0.2", "out0.0=in0.0", "out0.0=in1.0", "out0.1=in0.1", "out0.1=in1.1"]],
    [row("Add", [f(2, 3, 4), weight(4)]), ["out0.0=in0.0", "out0.1=in0.1", "out0.2=in0.2", "out0.2=in1.0"]],
    [row("Concat", [f(2, 3), f(2, 4)], { axis: 1 }), ["out0.0=in0.0", "out0.0=in1.0", "in0.1=out0.1", "in1.1=out0.1@3"]],
    [row("Split", [f(2, 7), ints(3, 4)], { axis: 1 }, { outputs: 2 }), ["in0.0=out0.0", "in0.0=out1.0", "out0.1=in0.1", "out1.1=in0.1@3"]],
    [row("Reshape", [f(2, 3, 8), ints(0, 0, 4, 2)]), ["in0.0=out0.0", "in0.1=out0.1", "out0.3<in0.2x4", "out0.2<in0.2*2"]],
    [row("Reshape", [f(2, 6, 2, 2), ints(2, 3, -1)]), ["in0.0=out0.0", "out0.1<in0.1*2", "factor0<in0.1x3", "in0.3<out0.2x4", "in0.2<out0.2x2*2", "factor0<out0.2*4"]],
    [row("Flatten", [f(2, 3, 4, 5)]), ["in0.0=out0.0", "in0.3<out0.1x12", "in0.2<out0.1x3*5", "in0.1<out0.1*20"]],
    [row("LayerNormalization", [f(2, 3, 4), weight(4), weight(4)]), ["in0.0=out0.0", "in0.1=out0.1", "in0.2=out0.2 norm", "in0.2=in1.0 norm", "in0.2=in2.0 norm"]],
    [row("ReduceMean", [f(2, 3), ints(1)], { keepdims: 0 }), ["in0.0=out0.0", "free in0.1 norm"]],
    [row("Gather", [weight(5, 4), fed("int64", [1, 3])]), ["in0.1=out0.1", "in1.0=out0.0"]],
    [row("Gather", [f(4), ints(2, 0, -2)]), ["in1.0=out0.0", "out0.0=in0.0[2,0,2]"]],
    [row("DepthToSpace", [f(1, 12, 2, 2)], { blocksize: 2 }), ["in0.0=out0.0", "out0.1=in0.1x4"]],
    [row("Pad", [f(2, 3), ints(0, 1, 0, 2)]), ["in0.0=out0.0", "in0.1=out0.1@1"]],
    [row("Expand", [f(3, 1), ints(3, 4)]), ["in0.0=out0.0", "free out0.1"]],
    [row("Tile", [f(2, 3), ints(1, 2)]), ["in0.0=out0.0", "in0.1=out0.1x2"]],
  ])("$note", async (c, wanted) => expect(print((await ruleOf(c)).rule).toSorted()).toEqual(wanted.toSorted()));
});

test("Shape holds the axes whose static length is read when the model runs", () => {
  const graph = new Graph("g");
  const x = graph.addInput("x", tensorType("float32", ["N", 3, 4, 5]));
  const shape = graph.add({ opType: "Shape", inputs: [x] });
  const rule = (): string[] => print(standardOps.of(shape)!.ties!({ node: shape, opset: 17, shape: () => x.shape, outShape: () => [4], constant: () => undefined }));
  expect(rule()).toEqual(["free in0.0", "free in0.1", "free in0.2", "free in0.3"]);
  graph.add({ opType: "Gather", inputs: [shape.out, graph.addInitializer("i", Tensor.int64([-1], []))] });
  expect(rule()).toEqual(["free in0.0", "free in0.1", "free in0.2"]);
  graph.add({ opType: "Slice", inputs: [shape.out, graph.addInitializer("s", Tensor.int64([0])), graph.addInitializer("e", Tensor.int64([2]))] });
  expect(rule()).toEqual(["free in0.0", "free in0.2"]);
  graph.add({ opType: "Mul", inputs: [shape.out, shape.out] });
  expect(rule()).toEqual(["free in0.0"]);
});

describe("fused and quantized operators say why they are held", () => {
  test.each([["Attention", "com.microsoft"], ["MultiHeadAttention", "com.microsoft"], ["MatMulNBits", "com.microsoft"], ["QLinearConv", ""], ["ConvInteger", ""]])("%s", (name, domain) => {
    const { node } = build(row(name, [], {}, { domain }));
    expect(standardOps.of(node)!.ties!({ node, opset: 21, shape: () => undefined, outShape: () => undefined, constant: () => undefined })).toMatchObject({ ties: [], held: expect.stringMatching(/before/) });
  });
});

describe("symbolic lengths", () => {
  const shapes = (c: OpCase, ins: readonly Shape[], outs: readonly Shape[]): string[] => {
    const { node } = build(c);
    return print(standardOps.of(node)!.ties!({ node, opset: c.opset, shape: (i) => ins[i], outShape: (o) => outs[o], constant: (i) => (c.inputs[i]?.constant ? c.inputs[i].tensor : undefined) }));
  };
  test("a reshape keeps the axes around an unknown batch", () => {
    expect(shapes(row("Reshape", [f(2, 3, 8), ints(0, 0, 4, 2)]), [["N", "T", 8]], [["N", "T", 4, 2]]).toSorted()).toEqual(["in0.0=out0.0", "in0.1=out0.1", "out0.2<in0.2*2", "out0.3<in0.2x4"]);
    expect(shapes(row("Reshape", [f(2, 3, 8), ints(-1, 4, 2)]), [["N", "T", 8]], [["N*T", 4, 2]]).toSorted()).toEqual(["out0.1<in0.2*2", "out0.2<in0.2x4"]);
  });
  test("columns of heads that are merged with the batch", () => {
    expect(shapes(row("Reshape", [f(2, 3, 32), ints(2, -1, 8)]), [["T", "N", 32]], [["T", "4*N", 8]])).toEqual(["in0.0=out0.0", "out0.2<in0.2x4"]);
    expect(shapes(row("Reshape", [f(2, 12, 8), ints(2, 3, 32)]), [["T", "4*N", 8]], [["T", "N", 32]])).toEqual(["in0.0=out0.0", "in0.2<out0.2x4"]);
  });
  test("a computed target shape becomes a constant that copies the lengths which stay open", () => {
    const c = row("Reshape", [f(2, 3, 8), fed("int64", [2, 3, 4, 2])], {}, { opset: 9 });
    const { node, model } = build(c);
    const rule = standardOps.of(node)!.ties!({ node, opset: 9, shape: (i) => [["N", "T", 8], [4]][i], outShape: () => ["N", "T", 4, 2], constant: () => undefined });
    rule!.resizes!.find((r) => axisLabel(r.axis) === "out0.2")!.apply(node, 3, [0, 1, 3], model.graph);
    expect(node.input(1)!.constant!.toNumbers()).toEqual([0, 0, 3, 2]);
  });
  test("a computed target shape with two open lengths holds the axes before operator set 11", () => {
    const c = row("Reshape", [f(2, 3, 8), fed("int64", [2, 3, 4, 2])], {}, { opset: 9 });
    const { node } = build(c);
    const rule = standardOps.of(node)!.ties!({ node, opset: 9, shape: (i) => [["N", "T", 8], [4]][i], outShape: () => ["floor(N/2)", "2*T", 4, 2], constant: () => undefined });
    expect(rule).toMatchObject({ ties: [], held: "the target shape is computed" });
  });
  test("broadcasting against a length that may be 1 holds the axis", () => {
    expect(shapes(row("Add", [f(2, 3), f(2, 3)]), [["N", 3], ["M", 3]], [["max(N, M)", 3]])).toEqual(["out0.1=in0.1", "out0.1=in1.1"]);
  });
  test("a concatenation with an unknown part holds the joined axis", () => {
    expect(shapes(row("Concat", [f(2, 3), f(2, 3)], { axis: 0 }), [["N", 3], [2, 3]], [["N + 2", 3]])).toEqual(["out0.1=in0.1", "out0.1=in1.1"]);
  });
});
