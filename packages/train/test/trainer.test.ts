/** What a trainer hands out, and the memory that it writes to. */
import { Tensor, random, type Feeds, type Runtime } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { Trainer, adamW, crossEntropy, lenet, trainingStep, type TrainerState } from "@lathe/train";
import { describe, expect, it } from "vitest";

const runtime = ortRuntime({ load: { threads: 1 } });
/** An engine that takes no notice of tensors to write to. */
const fetching: Runtime = { name: "fetching", load: (model, options = {}) => runtime.load(model, { ...options, into: false }) };

const r = random("trainer");
const batch = (): Feeds => ({ input: Tensor.from("float32", [4, 1, 28, 28], Float32Array.from({ length: 4 * 784 }, () => r.float())), labels: Tensor.int64([1, 2, 3, 4]) });
const batches = Array.from({ length: 6 }, batch);
const optimizer = adamW();
const step = trainingStep(lenet({ random: random("lenet").float }), { loss: crossEntropy(), optimizer, ema: 0.9 });
const bytesOf = (tensors: ReadonlyMap<string, Tensor>): string => Buffer.concat([...tensors.values()].map((t) => t.bytes())).toString("base64");

describe("a trainer", () => {
  it("reaches the same bytes whether results are written to its own memory or fetched", async () => {
    const states: string[] = [];
    for (const engine of [runtime, fetching]) {
      const trainer = await Trainer.create(step, optimizer, engine);
      for (const each of batches) await trainer.step(each, 0.01);
      states.push(bytesOf(trainer.state().tensors));
      await trainer.dispose();
    }
    expect(states[0]).toBe(states[1]);
  });

  it("does not write to what it has handed out: states, weights and feeds keep their content", async () => {
    const trainer = await Trainer.create(step, optimizer, runtime);
    const kept: [ReadonlyMap<string, Tensor>, string][] = [];
    const keep = (tensors: ReadonlyMap<string, Tensor>): void => void kept.push([tensors, bytesOf(tensors)]);
    const takes = [() => trainer.state().tensors, () => trainer.weights(), () => new Map(Object.entries(trainer.feeds(batches[0]!, 0.01)))];
    for (const gap of [1, 2, 3]) {
      for (const take of takes) {
        for (let i = 0; i < gap; i++) await trainer.step(batches[i]!, 0.01);
        keep(take());
      }
    }
    for (const each of batches) await trainer.step(each, 0.01);
    expect(kept.map(([tensors]) => bytesOf(tensors))).toEqual(kept.map(([, bytes]) => bytes));
    await trainer.dispose();
  });

  it("goes on from any state that it gave, and leaves it as it is", async () => {
    const trainer = await Trainer.create(step, optimizer, runtime);
    await trainer.step(batches[0]!, 0.01);
    const begin: TrainerState = trainer.state();
    const ends: string[] = [];
    for (let round = 0; round < 3; round++) {
      trainer.restore(begin);
      for (const each of batches) await trainer.step(each, 0.01);
      ends.push(bytesOf(trainer.state().tensors));
    }
    expect(new Set(ends).size).toBe(1);
    await trainer.dispose();
  });

  it("has the state of before after a step that gave no finite loss", async () => {
    const trainer = await Trainer.create(step, optimizer, runtime);
    for (const each of batches) await trainer.step(each, 0.01);
    const before = bytesOf(trainer.state().tensors);
    for (const each of batches.slice(0, 3)) await trainer.step(each, 0.01);
    const bad = { ...batches[0]!, input: Tensor.from("float32", [4, 1, 28, 28], new Float32Array(4 * 784).fill(NaN)) };
    const middle = bytesOf(new Map(trainer.state().tensors));
    for (let i = 0; i < 3; i++) await expect(trainer.step(bad, 0.01)).rejects.toMatchObject({ code: "TRAIN_NOT_FINITE" });
    expect(bytesOf(trainer.state().tensors)).toBe(middle);
    expect(middle).not.toBe(before);
    await trainer.dispose();
  });
});
