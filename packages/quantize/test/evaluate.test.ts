/** The service `evaluate` from labelled data, on a real model. */
import { describe, expect, it } from "vitest";
import { Tensor, dataset, decodeModel, evaluateLabelled, type Feeds } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { accuracy, images, labels } from "./fashion.ts";
import { readModel } from "./models.ts";

const runtime = ortRuntime();
const model = decodeModel(readModel("fashion-mobilenet"));
const truth = labels("fashion-test-2000");
const context = { signal: new AbortController().signal, progress: () => undefined };
/** The first 500 images; the last batch is smaller than the others. */
const batches = (name = "label"): Feeds[] =>
  images("fashion-test-2000", 150).slice(0, 4).map((batch, i) => {
    const count = i === 3 ? 50 : 150;
    return { image: Tensor.from("float32", [count, 1, 28, 28], batch["image"]!.toFloat32().slice(0, count * 784)), [name]: Tensor.from("uint8", [count], truth.slice(i * 150, i * 150 + count)) };
  });

describe("evaluateLabelled", () => {
  it("is the share of right answers, whatever the batches", async () => {
    expect(await evaluateLabelled({ runtime, data: dataset(batches()) })(model, context)).toEqual({ accuracy: await accuracy(model, runtime, 500) });
  });

  it("can be read for one model after another, and by other figures", async () => {
    const judge = evaluateLabelled({ runtime, data: batches(), metric: "top5", labels: "label", output: "logits" });
    const [first, second] = [await judge(model, context), await judge(model, context)];
    expect(first).toEqual(second);
    expect((first as { top5: number }).top5).toBeGreaterThan(0.99);
  });

  it("compares values as well", async () => {
    const session = await runtime.load(model);
    const data = await Promise.all(batches().map(async ({ image }) => ({ image: image!, wanted: (await session.run({ image: image! }))["logits"]! })));
    await session.dispose();
    const score = (await evaluateLabelled({ runtime, data, metric: "negative-mse" })(model, context)) as Record<string, number>;
    expect(score["negative-mse"]).toBeCloseTo(0, 6);
  });

  it.each([
    ["no labels", () => evaluateLabelled({ runtime, data: images("fashion-test-2000", 100) }), "EVALUATE_LABELS"],
    ["labels of another name", () => evaluateLabelled({ runtime, data: batches(), labels: "classes" }), "EVALUATE_LABELS"],
    ["an output that is not there", () => evaluateLabelled({ runtime, data: batches(), output: "scores" }), "EVALUATE_OUTPUT"],
    ["no data", () => evaluateLabelled({ runtime, data: [] }), "EVALUATE_EMPTY"],
    ["a label beyond the classes", () => evaluateLabelled({ runtime, data: [{ ...batches()[0]!, label: Tensor.from("uint8", [150], new Uint8Array(150).fill(11)) }] }), "METRIC_INPUT"],
    ["too few labels", () => evaluateLabelled({ runtime, data: [{ ...batches()[0]!, label: Tensor.int64([1, 2, 3, 4]) }] }), "METRIC_INPUT"],
  ])("refuses %s", async (_, judge, code) => {
    await expect(judge()(model, context)).rejects.toMatchObject({ code });
  });

  it("names the figure that the labels do not fit", async () => {
    const judge = evaluateLabelled({ runtime, metric: "top5", data: [{ ...batches()[0]!, label: Tensor.int64([1, 2]) }] });
    await expect(judge(model, context)).rejects.toThrow(/top5 expects 150 labels/);
  });

  it("stops when aborted", async () => {
    const controller = new AbortController();
    const run = evaluateLabelled({ runtime, data: batches() })(model, { signal: controller.signal, progress: () => controller.abort(new Error("enough")) });
    await expect(run).rejects.toThrow("enough");
  });
});
