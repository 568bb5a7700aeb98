/** The teacher beside the data, and its memory. */
import { describe, expect, it } from "vitest";
import { Tensor, attr, random, type Model } from "@lathe/core";
import { ModelBuilder, TeacherCache, tensorData, withTeacher } from "@lathe/train";
import { runtime } from "./harness.ts";

const points = (count: number) => {
  const r = random("points");
  return { input: Tensor.from("float32", [count, 2], Array.from({ length: count * 2 }, () => r.normal())) };
};

function network(): Model {
  const b = new ModelBuilder({ name: "teacher", random: random(1).float });
  const x = b.relu(b.linear(b.input("input", ["N", 2]), "fc1", 2, 16));
  x.name = "features";
  return b.output(b.linear(x, "fc2", 16, 6), "logits", ["N", 6]);
}

describe("withTeacher", () => {
  it("asks the teacher once about each example", async () => {
    const teacher = network();
    const source = tensorData(points(50));
    const taught = await withTeacher(source, teacher, runtime, { tensors: { "teacher/logits": "logits", "teacher/features": "features" } });
    const order = [[0, 1, 2], [2, 3], [3, 2, 1, 0], [49]];
    for (const indices of order) {
      const batch = await taught.data.batch(indices, random(0));
      const session = await runtime.load(teacher);
      const truth = await session.run({ input: batch["input"]! });
      expect(batch["teacher/logits"]!.dims).toEqual([indices.length, 6]);
      batch["teacher/logits"]!.toNumbers().forEach((v, i) => expect(v).toBeCloseTo(truth["logits"]!.toNumbers()[i]!, 5));
      expect(batch["teacher/features"]!.dims).toEqual([indices.length, 16]);
      await session.dispose();
    }
    expect(taught.cache.misses).toBe(5);
    expect(taught.cache.hits).toBe(5);
    await taught.dispose();
  });

  it("waits for the second time over the data before it gives up looking", async () => {
    const count = 4_200;
    const taught = await withTeacher(tensorData(points(count)), network(), runtime, { tensors: { "teacher/logits": "logits" } });
    const all = Array.from({ length: count }, (_, i) => i);
    for (const half of [all.slice(0, 4_150), all.slice(4_150), all]) await taught.data.batch(half, random(0));
    expect([taught.cache.hits, taught.cache.misses]).toEqual([count, count]);
    await taught.dispose();
  });

  it("counts what small answers take beside their values", () => {
    const cache = new TeacherCache(2 ** 20);
    for (let i = 0; i < 4_000; i++) cache.keep(`key ${i}`, [Tensor.from("float32", [1, 2], [i, i])]);
    const kept = Array.from({ length: 4_000 }, (_, i) => cache.find(`key ${i}`)).filter((row) => row !== undefined).length;
    expect(kept).toBeGreaterThan(500);
    expect(kept).toBeLessThan(1_000);
  });

  it("does not confuse an example with its augmented self", async () => {
    const teacher = network();
    const doubled = tensorData(points(8), (batch, r) => ({ ...batch, input: Tensor.from("float32", batch["input"]!.dims, batch["input"]!.toNumbers().map((v) => v * (1 + r.float()))) }));
    const taught = await withTeacher(doubled, teacher, runtime, { tensors: { "teacher/logits": "logits" } });
    const [a, b] = [await taught.data.batch([0], random(1)), await taught.data.batch([0], random(2))];
    expect(a["teacher/logits"]!.toNumbers()).not.toEqual(b["teacher/logits"]!.toNumbers());
    expect(taught.cache.hits).toBe(0);
    await taught.dispose();
  });

  it("forgets what was used longest ago when memory is short", async () => {
    const taught = await withTeacher(tensorData(points(8)), network(), runtime, { tensors: { "teacher/logits": "logits" }, cacheBytes: 3 * (6 * 4 + 1024 + 256) });
    for (const i of [0, 1, 2, 0, 3, 1, 0]) await taught.data.batch([i], random(0));
    // 0 was used again before 3 came, so 1 made room.
    expect([taught.cache.hits, taught.cache.misses]).toEqual([2, 5]);
    await taught.dispose();
  });

  it("takes the teacher's tensors from the data when they are there", async () => {
    const data = tensorData({ ...points(32), "teacher/logits": Tensor.from("float32", [32, 6], new Array<number>(192).fill(0.5)) });
    const taught = await withTeacher(data, network(), runtime, { tensors: { "teacher/logits": "logits" } });
    expect((await taught.data.batch([0], random(0)))["teacher/logits"]!.toNumbers()).toEqual(new Array(6).fill(0.5));
    await taught.dispose();
  });

  it("gives the first output as what `distillation` reads, and refuses tensors that the teacher lacks", async () => {
    const taught = await withTeacher(tensorData(points(8)), network(), runtime);
    expect((await taught.data.batch([0, 1], random(0)))["teacher_logits"]!.dims).toEqual([2, 6]);
    await taught.dispose();
    await expect(withTeacher(tensorData(points(8)), network(), runtime, { tensors: { x: "probabilities" } })).rejects.toThrow(/TRAIN_NO_VALUE.*"probabilities"/);
  });

  it("remembers nothing of tensors whose first axis is time, even where there are as many times as examples", async () => {
    const b = new ModelBuilder({ name: "times", random: random(1).float });
    const times = b.node("Transpose", [b.input("input", ["N", 4, 2])], { perm: attr.ints([1, 0, 2]) });
    const teacher = b.output(b.node("Relu", [b.node("MatMul", [times, b.normal("w", [2, 3], 1)])]), "scores", [4, "N", 3]);
    const input = Tensor.from("float32", [8, 4, 2], Array.from({ length: 64 }, (_, i) => Math.sin(i)));
    const taught = await withTeacher(tensorData({ input }), teacher, runtime);
    const session = await runtime.load(teacher);
    for (const indices of [[0, 1, 2, 3], [3, 2, 0, 1]]) {
      const batch = await taught.data.batch(indices, random(0));
      expect(batch["teacher_logits"]!.toNumbers()).toEqual((await session.run({ input: batch["input"]! }))["scores"]!.toNumbers());
    }
    await session.dispose();
    await taught.dispose();
  });
});
