import { execFile } from "node:child_process";
import { readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { EngineIdentity } from "@lathe/trt";
import { engineKey, openEngineStore, type EngineStore } from "@lathe/trt/node";
import { describe, expect, it } from "vitest";
import { folder } from "./stand-in.ts";
import { identity, planBytes } from "./store-content.ts";

const put = (store: EngineStore, id: EngineIdentity, size = 100) => store.put(id, async (plan) => {
  await writeFile(plan, planBytes(size));
  return { seconds: 3 };
});

describe("an engine store", () => {
  it("gives back what was put in, for the same identity alone", async () => {
    const { path } = await folder();
    const store = await openEngineStore(path);
    expect(await store.get(identity())).toBeUndefined();
    const stored = await put(store, identity());
    expect(stored).toMatchObject({ key: engineKey(identity()), bytes: 100, details: { seconds: 3 }, identity: identity() });
    expect(await (await openEngineStore(path)).get(identity())).toMatchObject({ key: stored.key, plan: stored.plan });
    const others: EngineIdentity[] = [{ ...identity(), model: "other" }, { ...identity(), spec: { sparsity: true } }, { ...identity(), tool: "trtexec 11.1" }, { ...identity(), gpu: "other" }, { ...identity(), driver: "2" }, { ...identity(), platform: "win32-x64" }];
    for (const other of others) expect(await store.get(other)).toBeUndefined();
    expect(await readdir(join(path, "tmp"))).toEqual([]);
  });

  it("does not look at the order of keys", () => {
    expect(engineKey({ ...identity(), spec: { a: 1, b: { c: 2, d: 3 } } })).toBe(engineKey({ ...identity(), spec: { b: { d: 3, c: 2 }, a: 1 } }));
  });

  it("keeps nothing of a build that fails or leaves no engine", async () => {
    const { path } = await folder();
    const store = await openEngineStore(path);
    await expect(store.put(identity(), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(store.put(identity(), async (plan) => (await writeFile(plan, "text"), null))).rejects.toThrow(expect.objectContaining({ code: "TRT_PLAN" }));
    expect([await readdir(join(path, "tmp")), await readdir(join(path, "engines"))]).toEqual([[], []]);
  });

  it("removes those used longest ago when it grows too large, never the one just put in", async () => {
    const { path } = await folder();
    const store = await openEngineStore(path, { maxBytes: 250 });
    const at = (name: string): EngineIdentity => ({ ...identity(), model: name });
    for (const [name, age] of [["a", 300], ["b", 200]] as const) {
      const { plan } = await put(store, at(name));
      const then = new Date(Date.now() - age * 1000);
      await utimes(join(plan, "../manifest.json"), then, then);
    }
    await store.get(at("a"));
    await put(store, at("c"));
    expect((await store.list()).map((e) => e.identity.model).toSorted()).toEqual(["a", "c"]);
    await put(store, at("huge"), 1000);
    expect((await store.list()).map((e) => e.identity.model)).toEqual(["huge"]);
  });

  it("knows engines of another target for stale", async () => {
    const { path } = await folder();
    const store = await openEngineStore(path);
    await put(store, identity());
    await put(store, { ...identity(), driver: "older" });
    expect((await store.stale(identity())).map((e) => e.identity.driver)).toEqual(["older"]);
  });

  it("neither gives nor keeps what is damaged", async () => {
    const { path } = await folder();
    const store = await openEngineStore(path);
    const damages: readonly ((plan: string) => Promise<unknown>)[] = [
      (plan) => writeFile(plan, planBytes(50)), (plan) => rm(plan), (plan) => writeFile(join(plan, "../manifest.json"), "{"), (plan) => writeFile(join(plan, "../manifest.json"), "{}"), (plan) => rm(join(plan, "../manifest.json")),
    ];
    for (const damage of damages) {
      const { plan } = await put(store, identity());
      await damage(plan);
      expect(await store.get(identity())).toBeUndefined();
      expect(await readdir(join(path, "engines"))).toEqual([]);
    }
    const { key, plan } = await put(store, identity());
    expect(await store.verify(key)).toBe(true);
    const bytes = planBytes(100);
    bytes[99] = 1;
    await writeFile(plan, bytes);
    expect(await store.verify(key)).toBe(false);
    expect(await store.list()).toEqual([]);
  });

  it("is refused by name where it cannot be", async () => {
    const { onnx } = await folder();
    await expect(openEngineStore(onnx)).rejects.toThrow(expect.objectContaining({ code: "TRT_STORE" }));
  });

  it("sweeps what a crashed process left long ago", async () => {
    const { path } = await folder();
    await openEngineStore(path);
    await writeFile(join(path, "tmp/old"), "x");
    await writeFile(join(path, "tmp/new"), "x");
    const then = new Date(Date.now() - 48 * 3600_000);
    await utimes(join(path, "tmp/old"), then, then);
    await openEngineStore(path);
    expect(await readdir(join(path, "tmp"))).toEqual(["new"]);
  });

  it("serves several processes at once: they put, get, damage and evict the same engines", async () => {
    const { path } = await folder();
    const worker = fileURLToPath(new URL("store-worker.ts", import.meta.url));
    const run = (seed: number) => promisify(execFile)(process.execPath, ["--import", "tsx", "--conditions=@lathe/source", worker, path, String(seed)]);
    const ended = await Promise.all([1, 2, 3].map(run));
    for (const { stdout } of ended) expect(JSON.parse(stdout)).toMatchObject({ rounds: 60, wrong: [] });
    expect(await readdir(join(path, "tmp"))).toEqual([]);
    const store = await openEngineStore(path);
    const left = await store.list();
    expect(left.length).toBeGreaterThan(0);
    for (const { key, plan, identity: { model } } of left) {
      expect((await readFile(plan))[40]).toBe(model.charCodeAt(0));
      expect(await store.verify(key)).toBe(true);
    }
  });
});
