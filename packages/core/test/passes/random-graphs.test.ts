/** Random graphs, full of what the passes look for, compute the same after simplification and conversion. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { attr, convertOpset, Graph, inferShapes, passContext, runPass, sequence, simplifyModel, simplifyPasses, type Value } from "@lathe/core";
import { Build, expectSameResults, randomFeeds } from "./build.ts";

/** Set LATHE_PASS_GRAPHS=5000 for the long run, with other graphs every time. */
const graphs = process.env["LATHE_PASS_GRAPHS"];
const options = graphs ? { numRuns: Number(graphs) } : { numRuns: 60, seed: 20_261_124 };
/** Normalising nearly equal numbers magnifies rounding. */
const tolerance = 2e-4;

/** One step: which operator, which earlier values, and a number for its arguments. */
type StepPlan = readonly [op: number, a: number, b: number, n: number];

interface Made {
  readonly value: Value;
  readonly shape: readonly number[];
}

const product = (dims: readonly number[]): number => dims.reduce((p, d) => p * d, 1);
const permutation = (rank: number, n: number): number[] => {
  const left = Array.from({ length: rank }, (_, i) => i);
  return Array.from({ length: rank }, (_, i) => left.splice((n + i * 7) % left.length, 1)[0]!);
};
const unary = ["Relu", "Sigmoid", "Neg", "Abs", "Identity", "Dropout", "Tanh", "HardSigmoid"];

/** The steps that fit the picked value; each gives the new value and its shape, or nothing. */
const steps: ((b: Build, x: Made, y: Made, n: number) => Made | undefined)[] = [
  (b, x, _y, n) => ({ ...x, value: b.op(unary[n % unary.length]!, [x.value]) }),
  (b, x, _y, n) => {
    const perm = permutation(x.shape.length, n);
    return { value: b.op("Transpose", [x.value], { perm: attr.ints(perm) }), shape: perm.map((p) => x.shape[p]!) };
  },
  (b, x, _y, n) => {
    const shape = n % 2 === 0 ? [x.shape[0] ?? 1, -1] : [...x.shape.slice(1), x.shape[0] ?? 1];
    const whole = shape.map((d) => (d === -1 ? product(x.shape) / (x.shape[0] ?? 1) : d));
    return { value: b.op("Reshape", [x.value, b.ints(...shape)]), shape: whole };
  },
  (b, x, _y, n) => (x.shape.length < 5 ? { value: b.op("Unsqueeze", [x.value, b.ints(n % (x.shape.length + 1))]), shape: x.shape.toSpliced(n % (x.shape.length + 1), 0, 1) } : undefined),
  (b, x) => (x.shape.includes(1) ? { value: b.op("Squeeze", [x.value, b.ints(x.shape.indexOf(1))]), shape: x.shape.toSpliced(x.shape.indexOf(1), 1) } : undefined),
  (b, x) => ({ ...x, value: b.op("Cast", [b.op("Cast", [x.value], { to: attr.int(11) })], { to: attr.int(1) }) }),
  (b, x, _y, n) => ({ ...x, value: b.op(["Add", "Mul", "Sub", "Div"][n % 4]!, n % 3 === 0 ? [b.scalar(1 + (n % 5)), b.op("Exp", [b.op("Tanh", [x.value])])] : [x.value, b.scalar([0, 1, 2, 0.5][n % 4] || 1)]) }),
  (b, x, _y, n) => ({ ...x, value: b.op(n % 2 === 0 ? "Add" : "Mul", [x.value, b.weight(x.shape.map((d, i) => (i === n % Math.max(1, x.shape.length) ? d : 1)))]) }),
  (b, x, y) => (x.shape.join() === y.shape.join() ? { ...x, value: b.op("Add", [x.value, y.value]) } : undefined),
  (b, x, y, n) => {
    const axis = n % Math.max(1, x.shape.length);
    const fits = x.shape.length > 0 && x.shape.length === y.shape.length && x.shape.every((d, i) => i === axis || d === y.shape[i]) && product(x.shape) < 2000;
    return fits ? { value: b.op("Concat", [x.value, y.value], { axis: attr.int(axis) }), shape: x.shape.with(axis, x.shape[axis]! + y.shape[axis]!) } : undefined;
  },
  (b, x, _y, n) => {
    if (x.shape.length === 0) return undefined;
    const axis = n % x.shape.length;
    const end = n % 3 === 0 ? 2 ** 31 - 1 : 1 + (n % x.shape[axis]!);
    return { value: b.op("Slice", [x.value, b.ints(0), b.ints(end), b.ints(axis)]), shape: x.shape.with(axis, Math.min(end, x.shape[axis]!)) };
  },
  (b, x, _y, n) => (x.shape.length > 0 ? { ...x, value: b.op("Softmax", [x.value], { axis: attr.int(n % x.shape.length) }) } : undefined),
  (b, x, _y, n) => (x.shape.length > 0 ? { value: b.op("ReduceMean", [x.value, b.ints(n % x.shape.length)]), shape: x.shape.with(n % x.shape.length, 1) } : undefined),
  (b, x, _y, n) => {
    if (x.shape.length < 1) return undefined;
    const width = 1 + (n % 4);
    return { value: b.op("MatMul", [x.value, b.weight([x.shape.at(-1)!, width])]), shape: [...x.shape.slice(0, -1), width].slice(x.shape.length === 1 ? -1 : 0) };
  },
  (b, x, _y, n) => {
    if (x.shape.length !== 4) return undefined;
    const [batch, channels, h, w] = x.shape as [number, number, number, number];
    const out = 1 + (n % 3);
    const conv = b.op("Conv", [x.value, b.weight([out, channels, 1, 1]), ...(n % 2 ? [b.weight([out])] : [])]);
    const norm = n % 3 === 0 ? b.op("BatchNormalization", [conv, b.weight([out]), b.weight([out]), b.weight([out]), b.weight([out], undefined, true)]) : conv;
    return { value: norm, shape: [batch, out, h, w] };
  },
  // A target shape that is computed from the input's.
  (b, x) => {
    if (x.shape.length < 2) return undefined;
    const first = b.op("Gather", [b.op("Shape", [x.value]), b.ints(0)]);
    return { value: b.op("Reshape", [x.value, b.op("Concat", [first, b.ints(-1)], { axis: attr.int(0) })]), shape: [x.shape[0]!, product(x.shape) / x.shape[0]!] };
  },
  (b, x) => ({ ...x, value: b.op("Div", [b.op("Mul", [x.value, b.op("Clip", [b.op("Add", [x.value, b.scalar(3)]), b.scalar(0), b.scalar(6)])]), b.scalar(6)]) }),
  (b, x) => ({ ...x, value: b.op("Mul", [b.op("Mul", [x.value, b.op("Add", [b.op("Erf", [b.op("Div", [x.value, b.scalar(Math.SQRT2)])]), b.scalar(1)])]), b.scalar(0.5)]) }),
  (b, x, _y, n) => {
    if (x.shape.length < 2) return undefined;
    const centred = b.op("Sub", [x.value, b.op("ReduceMean", [x.value, b.ints(-1)])]);
    const variance = b.op("ReduceMean", [b.op("Pow", [centred, b.scalar(2)]), b.ints(-1)]);
    const normal = b.op("Div", [centred, b.op("Sqrt", [b.op("Add", [variance, b.scalar(1e-3)])])]);
    return { ...x, value: b.op("Add", [b.op("Mul", [normal, b.weight([x.shape.at(-1)!])]), b.weight(n % 2 ? [x.shape.at(-1)!] : [1])]) };
  },
  // A detour through another layout, as exporters of channels-last models write it.
  (b, x, _y, n) => {
    if (x.shape.length < 2) return undefined;
    const perm = permutation(x.shape.length, n);
    const moved = perm.map((p) => x.shape[p]!);
    const turn = (v: Value): Value => b.op("Transpose", [v], { perm: attr.ints(perm) });
    const inside = n % 3 === 0 ? b.op("Add", [turn(x.value), turn(b.op("Neg", [x.value]))]) : b.op("Mul", [b.op("Sigmoid", [turn(x.value)]), b.weight(moved.map((d, i) => (i === 0 ? d : 1)))]);
    const back = n % 2 === 0 ? perm.map((_, i) => perm.indexOf(i)) : permutation(x.shape.length, n + 3);
    return { value: b.op("Transpose", [inside], { perm: attr.ints(back) }), shape: back.map((p) => moved[p]!) };
  },
  (b, x, _y, n) => {
    if (x.shape.length !== 2) return undefined;
    const width = 1 + (n % 4);
    return { value: b.op("Add", [b.op("MatMul", [x.value, b.weight([x.shape[1]!, width])]), b.weight(n % 3 ? [width] : [1, 1])]), shape: [x.shape[0]!, width] };
  },
  (b, x, _y, n) => {
    if (x.shape.length !== 4) return undefined;
    const padded = b.op("Pad", [n % 2 ? b.op("Relu", [x.value]) : x.value, b.ints(0, 0, n % 2, 1, 0, 0, 1, 0)]);
    const pooled = b.op(n % 3 ? "MaxPool" : "AveragePool", [padded], { kernel_shape: attr.ints([2, 2]) });
    return { value: pooled, shape: [x.shape[0]!, x.shape[1]!, x.shape[2]! + (n % 2), x.shape[3]!] };
  },
  // Branches that capture a value; the condition is computed or constant. ONNX Runtime loses captured results of two Casts in a row,
  // even with optimisation off, hence the operator in between.
  (b, { value, shape }, y, n) => {
    const x = { shape, value: b.op("Softplus", [value]) };
    const branch = (name: string, make: (inner: Build) => Value): Graph => {
      const graph = new Graph(name);
      const inner = new Build(20, graph);
      return inner.output(make(inner), name), graph;
    };
    const scaled = (inner: Build): Value => inner.op(n % 2 ? "Mul" : "Add", [n % 5 ? x.value : inner.op("Relu", [x.value]), inner.weight(x.shape.map((d, i) => (i === 1 ? d : 1)))]);
    const condition = n % 4 === 0 ? b.constant("bool", [], [n % 3 ? 1 : 0]) : b.op("Less", [b.op("ReduceMean", [y.value], { keepdims: attr.int(0) }), b.scalar(0.1)]);
    const branches = { then_branch: attr.graph(branch(`then${b.graph.nodeCount}`, scaled)), else_branch: attr.graph(branch(`else${b.graph.nodeCount}`, (inner) => inner.op("Abs", [x.value]))) };
    return { ...x, value: b.op("If", [condition], branches) };
  },
];

function build(plan: readonly StepPlan[], symbolic: boolean): Build {
  const b = new Build(20);
  const x = b.input("x", symbolic ? ["N", 3, 4] : [2, 3, 4]);
  const y = b.input("y", [2, 3, 4, 4]);
  const made: Made[] = [{ value: x, shape: [2, 3, 4] }, { value: y, shape: [2, 3, 4, 4] }];
  for (const [op, a, c, n] of plan) {
    // The latest value is picked most often, so that chains grow.
    const pick = (k: number): Made => made[Math.max(0, made.length - 1 - [0, 0, 0, 0, 0, 1, 2, 3][k]!)]!;
    const next = steps[op]!(b, pick(a), pick(c), n);
    if (next) made.push(next);
  }
  const ends = made.slice(2).filter((m) => m.value.isUnused);
  ends.forEach((end, i) => b.output(end.value, `out${i}`));
  return b;
}

const plan = fc.array(fc.tuple(fc.nat(steps.length - 1), fc.nat(7), fc.nat(7), fc.nat(20)), { minLength: 3, maxLength: 18 });
const feedsOf = (b: Build) => randomFeeds(b.model, 5, 2);

test("simplified", async () => {
  await fc.assert(fc.asyncProperty(plan, fc.boolean(), async (steps, symbolic) => {
    const b = build(steps, symbolic);
    if (b.graph.outputs.length === 0) return;
    const model = b.model.clone();
    await simplifyModel(model, {}, { verifyBetween: true });
    expect(model.graph.outputs.map((o) => o.name)).toEqual(b.graph.outputs.map((o) => o.name));
    await expectSameResults(b.model, model, feedsOf(b), tolerance, 0.01);
    expect((await simplifyModel(model)).passes.filter((p) => p.modified > 0)).toEqual([]);
  }), options);
}, 3_600_000);

test("with the passes in any order, and converted on the way", async () => {
  const order = fc.shuffledSubarray(simplifyPasses.map((p) => p.name), { minLength: 3 });
  await fc.assert(fc.asyncProperty(plan, order, fc.boolean(), async (steps, names, convert) => {
    const b = build(steps, false);
    if (b.graph.outputs.length === 0) return;
    const model = b.model.clone();
    const ctx = passContext({ verifyBetween: true });
    const passes = names.map((name) => simplifyPasses.find((p) => p.name === name)!);
    await runPass(sequence("half", passes.slice(0, passes.length / 2)), model, ctx);
    if (convert) {
      inferShapes(model);
      convertOpset(model, 23);
    }
    await runPass(sequence("rest", passes.slice(passes.length / 2)), model, ctx);
    await expectSameResults(b.model, model, feedsOf(b), tolerance, 0.01);
  }), options);
}, 3_600_000);
