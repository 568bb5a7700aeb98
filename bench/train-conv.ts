/**
 * The ways to write a convolution's kernel gradient, timed by shape: least of many runs, so that other work on the machine matters little.
 * npx tsx --conditions=@lathe/source bench/train-conv.ts [threads]
 */
import { Model, Node, Tensor, Value, random, tensorType, type GradContext } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { kernelGradient, kernelGradientForm, type Form } from "../packages/train/src/grad/rules/conv/kernel-gradient.ts";
import type { Geometry } from "../packages/train/src/grad/rules/conv/geometry.ts";

const runtime = ortRuntime({ load: { threads: Number(process.argv[2] ?? 1) } });
const RUNS = 40;

/** batch, input channels, size, output channels, kernel, padding, stride, groups. */
const shapes = [
  [64, 1, 28, 32, 3, 0, 1, 1], [64, 32, 26, 64, 3, 0, 1, 1], [64, 3, 32, 16, 3, 1, 1, 1], [64, 16, 32, 16, 3, 1, 1, 1], [64, 32, 16, 32, 3, 1, 1, 1], [64, 64, 8, 64, 3, 1, 1, 1],
  [64, 16, 32, 32, 3, 1, 2, 1], [64, 16, 32, 32, 1, 0, 2, 1], [128, 16, 14, 32, 5, 2, 1, 1], [16, 16, 56, 96, 1, 0, 1, 1], [64, 16, 12, 16, 3, 1, 1, 16], [16, 96, 56, 96, 3, 1, 1, 96], [16, 96, 56, 96, 3, 1, 2, 96], [32, 32, 14, 32, 3, 1, 1, 32],
] as const;

async function time([n, ci, h, co, k, p, s, group]: (typeof shapes)[number], form: Form): Promise<number> {
  const out = Math.floor((h + 2 * p - k) / s) + 1;
  const g: Geometry = { rank: 2, kernel: [k, k], strides: [s, s], dilations: [1, 1], begin: [p, p], end: [p, p], group, large: [h, h], small: [out, out], largeChannels: ci, smallChannels: co };
  const model = new Model({ opset: 21, irVersion: 10 });
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", [n, ci, h, h]));
  const dy = graph.addInput("dy", tensorType("float32", [n, co, out, out]));
  let count = 0;
  const emit: GradContext["emit"] = (opType, inputs, attributes = {}) => graph.append(new Node({ opType, inputs, outputs: [new Value(`v${count++}`)], attributes })).out;
  const c = { emit, constant: (tensor: Tensor) => graph.addInitializer(`c${count++}`, tensor), node: new Node({ opType: "Conv" }) } as unknown as GradContext;
  const dw = kernelGradient(c, x, dy, g, form);
  dw.type = tensorType("float32", [co, ci / group, k, k]);
  graph.addOutput(dw);
  const session = await runtime.load(model);
  const r = random(1);
  const fill = (dims: number[]): Tensor => Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => r.float()));
  const feeds = { x: fill([n, ci, h, h]), dy: fill([n, co, out, out]) };
  let best = Infinity;
  for (let i = 0; i < RUNS; i++) {
    const at = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - at);
  }
  await session.dispose();
  return Math.round(best * 100) / 100;
}

for (const shape of shapes) {
  const [n, ci, h, co, k, p, s, group] = shape;
  const possible: Form[] = group > 1 ? (s === 1 ? ["grouped", "columns", "separable"] : ["grouped", "columns"]) : k === 1 ? ["byTap"] : s === 1 ? ["columns", "byTap", "separable"] : ["columns", "byTap"];
  const row: Record<string, number> = {};
  for (const form of possible) row[form] = await time(shape, form);
  const chosen = kernelGradientForm({ rank: 2, kernel: [k, k], strides: [s, s], dilations: [1, 1], begin: [p, p], end: [p, p], group, large: [h, h], small: [Math.floor((h + 2 * p - k) / s) + 1, Math.floor((h + 2 * p - k) / s) + 1], largeChannels: ci, smallChannels: co });
  console.log(`${n}x${ci}x${h}x${h} -> ${co}, ${k}x${k}/${s}${group > 1 ? ` in ${group} groups` : ""}: ${JSON.stringify(row)} chosen ${chosen}`);
}
