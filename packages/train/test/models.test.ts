/** Model builders and the replacement of a head. */
import { describe, expect, it } from "vitest";
import { random, verify, standardOps, Tensor, decodeModel, encodeModel, tensorType, type Model } from "@lathe/core";
import { adamW, bert, crossEntropy, lenet, mobileNetV2, parameterNames, replaceHead, resnet18, resnet20, trainingStep, vit, withInputShapes } from "@lathe/train";
import { runtime } from "./harness.ts";

const seed = () => random("builders").float;
const count = (model: ReturnType<typeof lenet>): number => [...model.graph.initializers].filter((v) => v.dtype === "float32" && !/running_|\.(min|max)$|^mask/.test(v.name)).reduce((sum, v) => sum + v.tensor!.size, 0);

describe("model builders", () => {
  it("have the sizes of their papers", () => {
    expect(count(resnet20({ random: seed() }))).toBe(272_474); // 0.27 M, with projections in two shortcuts
    expect(count(resnet18({ random: seed() }))).toBe(11_689_512);
    expect(count(mobileNetV2({ random: seed() }))).toBe(3_504_872);
  });

  it.each(Object.entries({ lenet: lenet({ random: seed() }), resnet20: resnet20({ random: seed() }), mobileNetV2: mobileNetV2({ random: seed(), size: 32, classes: 10 }), vit: vit({ random: seed() }), bert: bert({ random: seed(), vocabulary: 100, tokens: 8 }) }))(
    "%s is sound, survives a file and runs", async (_name, model) => {
      expect(verify(model, { ops: standardOps })).toEqual([]);
      const read = decodeModel(encodeModel(model));
      const session = await runtime.load(read);
      const feeds = Object.fromEntries(model.graph.inputs.map((v) => {
        const dims = v.shape!.map((d) => (typeof d === "number" ? d : 2));
        const size = dims.reduce((p, d) => p * d, 1);
        return [v.name, v.dtype === "int64" ? Tensor.int64(new Array<number>(size).fill(1), dims) : Tensor.from("float32", dims, new Float32Array(size).fill(0.5))];
      }));
      const { logits } = await session.run(feeds);
      await session.dispose();
      expect(logits!.dims[0]).toBe(2);
      expect(logits!.toFloat32().every((v) => Number.isFinite(v))).toBe(true);
    });

  it("give the same weights for the same seed", () => {
    expect(Buffer.from(encodeModel(lenet({ random: seed() }))).equals(Buffer.from(encodeModel(lenet({ random: seed() }))))).toBe(true);
  });
});

describe("replaceHead", () => {
  it("puts a new last layer behind the old features", async () => {
    const source = lenet({ random: seed() });
    const { model, head } = replaceHead(source, { classes: 3 });
    expect(model.graph.outputs.map((v) => [v.name, v.shape])).toEqual([["logits", ["N", 3]]]);
    expect(parameterNames(model)).toEqual(["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc1.weight", "fc1.bias", ...head]);
    expect(verify(model, { ops: standardOps })).toEqual([]);
    const session = await runtime.load(model);
    expect((await session.run({ input: Tensor.from("float32", [1, 1, 28, 28], new Float32Array(784)) }))["logits"]!.dims).toEqual([1, 3]);
    await session.dispose();
  });

  it("refuses a model without such a layer", () => {
    const { model } = replaceHead(vit({ random: seed() }), { classes: 2 });
    expect(() => replaceHead(model, { classes: 2, output: "other" })).toThrow(/TRAIN_NO_VALUE.*"other"/);
  });
});

describe("withInputShapes", () => {
  /** A convolution over images of any size, as exporters write it. */
  function open(): Model {
    const model = lenet({ random: seed() }).clone();
    for (const node of model.graph.nodes) for (const value of node.outputs) if (value) value.type = undefined;
    model.graph.inputs[0]!.type = tensorType("float32", ["batch", 1, "height", "width"]);
    model.graph.outputs[0]!.type = tensorType("float32", ["somewhat", "classes"]);
    return model;
  }

  it("gives training the sizes that an exporter left open", () => {
    const optimizer = adamW();
    expect(() => trainingStep(open(), { loss: crossEntropy(), optimizer })).toThrow(/TRAIN_LOSS_SHAPE|TRAIN_UNSUPPORTED/);
    const fixed = withInputShapes(open(), { input: ["N", 1, 28, 28] });
    expect(fixed.graph.outputs[0]!.shape).toEqual(["N", 10]);
    expect(trainingStep(fixed, { loss: crossEntropy(), optimizer }).parameters).toHaveLength(8);
  });

  it("refuses a name that is no input", () => expect(() => withInputShapes(open(), { images: ["N", 1, 28, 28] })).toThrow(/TRAIN_MISSING_INPUT.*"images"/));
});
