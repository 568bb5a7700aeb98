/** Whole models against ONNX Runtime's Python tool: same ranges in, same graph and same bytes out. */
import { describe, expect, it } from "vitest";
import { decodeModel, type Model, type Tensor } from "@lathe/core";
import { applyStatic, planStatic, quantizeDynamic, type QuantType, type StaticOptionsInput } from "@lathe/quantize";
import { countOps, digest, goldenModel, initializersOf, modelFiles, readModel, type GoldenRun } from "./models.ts";

const type = (name: string | undefined): QuantType => name!.slice(1).toLowerCase() as QuantType;

/**
 * Where we differ on purpose, and why.
 * - An all-zero channel of symmetric uint8 weights gets zero point 0 there, beside 128 in the other channels. Ours has one zero point for
 *   all, as QLinearConv wants it; both dequantize to the same zeros.
 * - When a bias would overflow, the tool widens the weight by the input scale it would have on its own, even where the input shares another
 *   tensor's scale; the bias is then quantized with the shared one. Ours takes the scale that is used.
 */
const onPurpose: Readonly<Record<string, { run: RegExp; tensor: RegExp; count: number }>> = {
  "ch_PP-OCRv4_rec_infer": { run: /^static u8u8/, tensor: /^conv2d_\d+\.w_0_(quantized|zero_point)$/, count: 16 },
  mlsd_320x320_large: { run: /^static .* per channel(, symmetric)?$/, tensor: /^(Add_3[04]\/y:0_quantized(_scale)?|Conv2D_3[04]\/filter:0_scale)$/, count: 6 },
  mlsd_320x320_tiny: { run: /^static .* per channel(, symmetric)?$/, tensor: /^(Add_20\/y:0_quantized(_scale)?|Conv2D_20\/filter:0_scale)$/, count: 3 },
};

/**
 * Softmax nodes that the version converter used there wraps in Shape, Flatten and Reshape (the old Softmax flattened its input); ours sees
 * from the shapes that the plain new Softmax computes the same. The static runs then have two Q/DQ pairs less for each.
 */
const softmaxes: Readonly<Record<string, number>> = { "ch_ppocr_mobile_v2.0_cls_infer": 1, "ch_PP-OCRv4_rec_infer": 3 };
const wrapped = /_intermediate_(scale|zero_point)$/;

function withoutWrapping(counts: Readonly<Record<string, number>>, name: string, isStatic: boolean): Record<string, number> {
  const count = softmaxes[name] ?? 0;
  const less: Readonly<Record<string, number>> = {
    Shape: count, Flatten: count, Reshape: count, ...(isStatic ? { QuantizeLinear: 2 * count, DequantizeLinear: 2 * count } : {}),
  };
  return Object.fromEntries(Object.entries(counts).map(([op, n]) => [op, n - (less[op] ?? 0)] as const).filter(([, n]) => n > 0));
}

function quantizeAs(run: GoldenRun, model: Model, ranges: Readonly<Record<string, readonly [number, number]>>): Model {
  const { options } = run;
  if (run.name.startsWith("dynamic")) {
    const weightType = type(options.weight_type) as "int8" | "uint8";
    return quantizeDynamic(model, {
      weightType, convWeightType: weightType, perChannel: options.per_channel ?? false, perChannelConv: false, groupedConv: true, reduceRange: options.reduce_range ?? false,
    }).model;
  }
  const input: StaticOptionsInput = {
    activationType: type(options.activation_type), weightType: type(options.weight_type), perChannel: options.per_channel ?? false,
    reduceRange: options.reduce_range ?? false, symmetricActivations: options.extra_options?.ActivationSymmetric ?? false,
    format: options.quant_format === "QOperator" ? "qoperator" : "qdq",
  };
  const plan = planStatic(model.clone(), input);
  applyStatic(plan, new Map(Object.entries(ranges).map(([name, [min, max]]) => [name, { min, max }])));
  return plan.model;
}

describe.each(Object.keys(modelFiles).filter((name) => name !== "silero_vad_legacy"))("%s", (name) => {
  const { runs, ranges } = goldenModel(name);
  const source = decodeModel(readModel(name));

  it.each(runs)("$name: the same nodes, and every initializer equal to the bit", (run) => {
    const model = quantizeAs(run, source, ranges);
    const made = initializersOf(model.graph);
    expect(countOps(model)).toEqual(withoutWrapping(run.nodes, name, run.name.startsWith("static")));
    const different: string[] = [];
    for (const [key, theirs] of Object.entries(run.made)) {
      if (softmaxes[name] && wrapped.test(key)) continue;
      const ours = made.get(key) ?? renamed(made, key, run);
      if (!ours || JSON.stringify(digest(ours)) !== JSON.stringify(theirs)) different.push(key);
    }
    const allowed = onPurpose[name];
    if (allowed?.run.test(run.name)) {
      expect(different.filter((key) => !allowed.tensor.test(key))).toEqual([]);
      expect(different.length).toBe(allowed.count);
    } else expect(different).toEqual([]);
  });
});

describe("silero_vad_legacy", () => {
  it("is quantized, branches and all; the tool refuses it (a biased Conv in a branch with its weight outside)", () => {
    const model = decodeModel(readModel("silero_vad_legacy"));
    const { report } = quantizeDynamic(model, { groupedConv: true });
    expect(report.quantized.Conv).toBeGreaterThan(0);
  });
});

/**
 * In the QOperator form the tool keeps the name of the node before an absorbed Relu or Clip, ours has the name behind it (as both do in
 * the QDQ form): `/0/Conv_output_0_scale` is `/0.1/Clip_output_0_scale`. The values say which.
 */
function renamed(made: ReadonlyMap<string, Tensor>, key: string, run: GoldenRun): Tensor | undefined {
  if (!run.name.includes("QOperator")) return undefined;
  const wanted = JSON.stringify(run.made[key]);
  return [...made.values()].find((tensor) => JSON.stringify(digest(tensor)) === wanted);
}
