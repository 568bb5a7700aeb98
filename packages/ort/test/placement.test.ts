import { setTimeout as delay } from "node:timers/promises";
import { Tensor, type Session } from "@lathe/core";
import { ortRuntime, type OrtRuntimeOptions } from "@lathe/ort";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { counting, dense, oneNode } from "./models.ts";

const x = Tensor.from("float32", [2, 64], Float32Array.from({ length: 128 }, (_, i) => i / 128));
const trips = (n: number): Record<string, Tensor> => ({ x: Tensor.scalar("int64", BigInt(n)) });
/** A second or so: long enough to be interrupted. */
const LONG = trips(1_500_000);
const SHORT = trips(3);

async function load(options: OrtRuntimeOptions, model = counting()): Promise<Session> {
  const session = await ortRuntime(options).load(model, { optimization: "disabled", threads: 1 });
  onTestFinished(() => session.dispose());
  return session;
}

const value = async (session: Session, feeds = SHORT): Promise<number> => (await session.run(feeds))["y"]!.toNumbers()[0]!;

/** Waits until the system has forgotten the process and this one has been told. */
async function gone(pid: number): Promise<void> {
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow("ESRCH"), { timeout: 10_000 });
  await delay(100);
}

describe.each(["thread", "process"] as const)("placement %s", (placement) => {
  it("gives bit for bit what inline gives", async () => {
    const [here, there] = [await load({}, dense(64, 64)), await load({ placement }, dense(64, 64))];
    expect(there.inputs).toEqual(here.inputs);
    expect(there.outputs).toEqual(here.outputs);
    expect((await there.run({ x }))["y"]!.bytes()).toEqual((await here.run({ x }))["y"]!.bytes());
  });

  it("carries strings and empty tensors", async () => {
    const texts = await load({ placement }, oneNode("Identity", ["N"], { dtype: "string" }));
    expect((await texts.run({ x: Tensor.fromStrings([2], ["ü", ""]) }))["y"]!.strings()).toEqual(["ü", ""]);
    const empty = await load({ placement }, oneNode("Identity", ["N"]));
    expect((await empty.run({ x: Tensor.from("float32", [0], []) }))["y"]!.dims).toEqual([0]);
  });

  it("leaves the fed tensors to the caller unless they are given away", async () => {
    const session = await load({ placement }, dense(64, 64));
    const own = Tensor.fromBytes("float32", x.dims, new Uint8Array(x.bytes()));
    const first = await session.run({ x: own });
    const second = await session.run({ x: own }, { transfer: true });
    expect(second["y"]!.bytes()).toEqual(first["y"]!.bytes());
  });

  it("keeps the event loop free during a run", async () => {
    const session = await load({ placement });
    const order: string[] = [];
    const run = session.run(trips(300_000)).then(() => order.push("run"));
    for (let i = 0; i < 5; i++) await delay(1).then(() => order.push("tick"));
    await run;
    expect(order).toEqual(["tick", "tick", "tick", "tick", "tick", "run"]);
  });

  it("does runs in the order of the calls", async () => {
    const session = await load({ placement });
    expect(await Promise.all([5, 1, 3].map((n) => value(session, trips(n))))).toEqual([5, 1, 3]);
  });

  it("gives up an aborted run at once and goes on", async () => {
    const session = await load({ placement });
    const control = new AbortController();
    const reason = new Error("enough");
    const run = session.run(LONG, { signal: control.signal });
    const queued = session.run(SHORT);
    setTimeout(() => control.abort(reason), 50);
    await expect(run).rejects.toBe(reason);
    expect((await queued)["y"]!.toNumbers()).toEqual([3]);
  });

  it("gives up a run that takes too long", async () => {
    const session = await load({ placement });
    await expect(session.run(LONG, { timeoutMs: 50 })).rejects.toMatchObject({ code: "ORT_TIMEOUT", message: expect.stringContaining(`50 ms in a ${placement}`) });
    expect(await value(session)).toBe(3);
  });

  it("brings engine errors over with their code, and goes on", async () => {
    const session = await load({ placement }, dense(64, 64));
    await expect(session.run({ z: x })).rejects.toMatchObject({ code: "ORT_FEED" });
    await expect(session.run({ x: Tensor.from("float32", [1, 2], [1, 2]) })).rejects.toMatchObject({ code: "ORT_RUN_FAILED" });
    expect((await session.run({ x }))["y"]!.dims).toEqual([2, 64]);
    await expect(load({ placement }, oneNode("NoSuchOperator", [1]))).rejects.toMatchObject({ code: "ORT_LOAD_FAILED" });
  });

  it("refuses work after dispose", async () => {
    const session = await load({ placement });
    await session.dispose();
    await expect(session.run(SHORT)).rejects.toMatchObject({ code: "ORT_DISPOSED" });
  });
});

describe("placement process outlives its child", () => {
  async function withPids(): Promise<{ session: Session; pids: number[] }> {
    const pids: number[] = [];
    const session = await load({ placement: "process", onStart: (pid) => pids.push(pid) });
    return { session, pids };
  }

  it.each([
    ["SIGSEGV", "ORT_CRASHED"],
    ["SIGABRT", "ORT_CRASHED"],
    // What the system does to a process when memory runs out.
    ["SIGKILL", "ORT_OUT_OF_MEMORY"],
  ] as const)("%s becomes %s, and the next run starts a fresh child", async (signal, code) => {
    const { session, pids } = await withPids();
    const run = session.run(LONG);
    setTimeout(() => process.kill(pids[0]!, signal), 50);
    await expect(run).rejects.toMatchObject({ code });
    expect(await value(session)).toBe(3);
    expect(pids).toHaveLength(2);
  });

  it("does not notice a child that died between runs", async () => {
    const { session, pids } = await withPids();
    process.kill(pids[0]!, "SIGKILL");
    await gone(pids[0]!);
    expect(await value(session)).toBe(3);
  });

  it("ends a child that takes more memory than allowed", async () => {
    // The limit is below what ONNX Runtime needs for itself, so the child may not even get to the run.
    const attempt = load({ placement: "process", memoryLimit: 1_000_000 }).then((session) => session.run(LONG));
    await expect(attempt).rejects.toMatchObject({ code: "ORT_OUT_OF_MEMORY", message: expect.stringContaining("limit of 1000000 bytes") });
  });

  it("really ends the child of an aborted run", async () => {
    const { session, pids } = await withPids();
    const control = new AbortController();
    const run = session.run(LONG, { signal: control.signal });
    setTimeout(() => control.abort(), 50);
    await expect(run).rejects.toMatchObject({ name: "AbortError" });
    await gone(pids[0]!);
  });
});
