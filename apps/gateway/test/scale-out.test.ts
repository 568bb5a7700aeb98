/** Several gateways and workers on one real Postgres, started by the script that the README names. */
import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@lathe/gateway/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fixture, techniques } from "./support.ts";

const script = fileURLToPath(new URL("../scripts/scale-out.ts", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-scale-"));
  // Started by root, Postgres runs as another user.
  await chmod(folder, 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function start(...args: string[]) {
  const { DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), "--conditions=@lathe/source", script, "--folder", join(folder, "data"), "--port", "0", ...args, "--", "--technique", techniques], { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const up = async (): Promise<string> => {
    while (!text.includes("Ctrl-C stops")) await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), ended.then(() => Promise.reject(new Error(text)))]);
    return text;
  };
  return { child, up, ended, said: () => text };
}

it("starts on its own Postgres, shares the work, tells the same story on both gateways, and goes on after an interrupt", async () => {
  const first = start("--gateways", "2", "--workers", "1");
  const said = await first.up();
  expect(said).toMatch(/^Postgres: PostgreSQL \d+/);
  const urls = [...said.matchAll(/gateway \d: (\S+)/g)].map(([, url]) => url!);
  const token = /Admin key, shown this once: (\S+)/.exec(said)![1]!;
  const [a, b] = urls.map((url) => connect({ url, token }));

  const model = await a!.upload(await fixture("fashion-mobilenet.onnx"), { name: "fashion" });
  const jobs = await Promise.all([a!, b!, a!, b!].map((client) => client.optimize(model, [{ wait: { ms: 300 } }])));
  const storyOf = async (client: typeof a, id: string): Promise<number[]> => {
    const seen = [];
    for await (const { seq } of await client!.job(id)) seen.push(seq);
    return seen;
  };
  for (const { id } of jobs) {
    const [here, there] = await Promise.all([storyOf(a, id), storyOf(b, id)]);
    expect(here).toEqual(here.map((_, i) => i + 1));
    expect(there).toEqual(here);
  }
  for (const job of jobs) expect((await job.refresh()).state).toBe("SUCCEEDED");

  first.child.kill("SIGINT");
  expect([await first.ended, first.said()]).toEqual([0, expect.stringContaining("Stopped.")]);

  const second = start("--gateways", "1", "--workers", "0");
  const url = /gateway 1: (\S+)/.exec(await second.up())![1]!;
  expect((await connect({ url, token }).job(jobs[0]!.id)).info.state).toBe("SUCCEEDED");
  second.child.kill("SIGINT");
  expect(await second.ended).toBe(0);
}, 180_000);
