/** The technique `distill` as hosts run it. */
import { describe, expect, it } from "vitest";
import { Tensor, dataset, pipeline } from "@lathe/core";
import { distillation } from "@lathe/distill";
import { registerConformance } from "@lathe/testkit";
import { evaluate, fit, tensorData, trainer } from "@lathe/train";
import { network, places, placesData } from "./networks.ts";
import { runtime } from "./harness.ts";

const data = placesData(96);
const taught = (hidden = 32) => ({ data, trainer: trainer({ runtime, teacher: network(hidden, { seed: 3 }) }) });

registerConformance(distillation, {
  examples: [
    { name: "defaults", model: () => network(8), services: taught() },
    { name: "features, no labels", model: () => network(8), options: { taskWeight: 0, targets: "correlation", features: [{ student: "features", teacher: "features" }] }, services: taught() },
    { name: "from the teacher's weights", model: () => network(32), options: { initialize: true, targets: "decoupled", optimizer: "sgd" }, services: taught() },
  ],
  invalid: [{ temperature: 0 }, { targets: "hidden" }, { features: [{ student: "x" }] }, { epochs: 0 }],
}, { describe, it });

describe("distill", () => {
  it("improves a student without labels, and reports how often the teacher was asked", async () => {
    const { model: teacher } = await fit({ model: network(32), data: tensorData(places(240)), epochs: 15, schedule: 0.02, runtime }).result;
    const unlabelled = dataset({ input: places(240).input });
    const { model, report } = await pipeline(distillation({ epochs: 20, learningRate: 0.02, taskWeight: 0, temperature: 2 })).run(network(8, { seed: 4 }), { data: unlabelled, trainer: trainer({ runtime, teacher }) }).result;
    expect((await evaluate(model, placesData(300), { runtime }))["accuracy"]).toBeGreaterThan(0.9);
    const [step] = report.data.steps;
    expect(step!.metrics).toMatchObject({ teacherAsked: 240, teacherRemembered: 240 * 19 });
  });

  it("copies equal weights when asked", async () => {
    const teacher = network(8, { seed: 9 });
    const kept = await pipeline(distillation({ initialize: true, freeze: ["fc1", "fc2", "bn"], batchNorm: "frozen" })).run(network(8), { data, trainer: trainer({ runtime, teacher }) }).result;
    expect(kept.model.graph.value("fc1.weight")!.tensor!.toNumbers()).toEqual(teacher.graph.value("fc1.weight")!.tensor!.toNumbers());
  });

  it("refuses to train nothing", async () => {
    const run = pipeline(distillation({ freeze: ["fc", "bn"], batchNorm: "frozen" })).run(network(8), taught());
    await expect(run.result).rejects.toThrow(/TRAIN_UNREACHED/);
  });

  it("says what is missing", async () => {
    const without = pipeline(distillation()).run(network(8), { data, trainer: trainer({ runtime }) });
    await expect(without.result).rejects.toThrow(/DISTILL_NO_TEACHER.*without a teacher/);
    const nothing = pipeline(distillation({ targets: "none" })).run(network(8), taught());
    await expect(nothing.result).rejects.toThrow(/DISTILL_OPTION.*targets/);
    const labels = pipeline(distillation()).run(network(8), { ...taught(), data: dataset({ input: Tensor.from("float32", [4, 2], new Float32Array(8)) }) });
    await expect(labels.result).rejects.toThrow(/TRAIN_MISSING_INPUT.*labels/);
  });
});
