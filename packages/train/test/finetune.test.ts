/** The technique `finetune` and the service it trains with. */
import { describe, expect, it } from "vitest";
import { Tensor, dataset, pipeline, random, type Model } from "@lathe/core";
import { registerConformance } from "@lathe/testkit";
import { ModelBuilder, accuracy, evaluate, finetune, fit, sgd, tensorData, trainer } from "@lathe/train";
import { runtime } from "./harness.ts";

/** Points in four corners; the label is the corner's. */
const columns = (count: number) => {
  const r = random("corners");
  const labels = Array.from({ length: count }, (_, i) => i % 4);
  const points = labels.flatMap((l) => [(l % 2) * 2 - 1 + r.normal() * 0.3, Math.floor(l / 2) * 2 - 1 + r.normal() * 0.3]);
  return { input: Tensor.from("float32", [count, 2], points), labels: Tensor.int64(labels) };
};
const data = dataset(columns(128));

function network(hidden = 16): Model {
  const b = new ModelBuilder({ name: "corners", random: random(`net${hidden}`).float });
  const x = b.relu(b.batchNorm(b.linear(b.input("input", ["N", 2]), "fc1", 2, hidden), "bn", hidden));
  return b.output(b.linear(x, "fc2", hidden, 4), "logits", ["N", 4]);
}

registerConformance(finetune, {
  examples: [
    { name: "defaults", model: network, services: { data, trainer: trainer({ runtime }) } },
    { name: "distilled", model: network, options: { epochs: 2, optimizer: "sgd", distill: { weight: 0.7 } }, services: { data, trainer: trainer({ runtime, teacher: network(32) }) } },
  ],
  invalid: [{ epochs: 0 }, { optimizer: "lion" }, { learningRate: -1 }, { distill: { temperature: 0 } }],
}, { describe, it });

describe("finetune", () => {
  it("improves the model and reports it", async () => {
    const run = pipeline(finetune({ epochs: 10, learningRate: 0.02 })).run(network(), { data, trainer: trainer({ runtime, validate: { data } }) });
    const { model, report } = await run.result;
    expect((await evaluate(model, data, { runtime }))["accuracy"]).toBeGreaterThan(0.97);
    const [step] = report.data.steps;
    expect(step!.metrics).toMatchObject({ steps: 40 });
    expect(step!.metrics["accuracy"]).toBeGreaterThan(0.97);
    expect(step!.metrics["lastEpochLoss"]).toBeLessThan(step!.metrics["firstEpochLoss"] as number);
  });

  it("leaves frozen parameters alone", async () => {
    const source = network();
    const { model } = await pipeline(finetune({ freeze: ["fc1", "bn"], batchNorm: "frozen" })).run(source, { data, trainer: trainer({ runtime }) }).result;
    const bytes = (m: Model, name: string): number[] => m.graph.value(name)!.tensor!.toNumbers();
    for (const name of ["fc1.weight", "fc1.bias", "bn.weight", "bn.running_mean"]) expect(bytes(model, name)).toEqual(bytes(source, name));
    expect(bytes(model, "fc2.weight")).not.toEqual(bytes(source, "fc2.weight"));
  });

  it("learns from the teacher alone, without labels of the task", async () => {
    const taught = await fit({ model: network(32), data: tensorData(columns(128)), epochs: 20, schedule: 0.02, runtime, optimizer: sgd({ momentum: 0.9 }) }).result;
    const wrong = dataset({ ...columns(128), labels: Tensor.int64(new Array<number>(128).fill(0)) });
    const { model } = await pipeline(finetune({ epochs: 20, learningRate: 0.02, distill: { weight: 1 } })).run(network(), { data: wrong, trainer: trainer({ runtime, teacher: taught.model }) }).result;
    expect((await evaluate(model, data, { runtime, metrics: [accuracy()] }))["accuracy"]).toBeGreaterThan(0.95);
  });

  it("says that a teacher is missing", async () => {
    const run = pipeline(finetune({ distill: {} })).run(network(), { data, trainer: trainer({ runtime }) });
    await expect(run.result).rejects.toThrow(/TRAIN_OPTION.*distill.*teacher/);
  });
});
