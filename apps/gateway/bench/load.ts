/**
 * How fast and how light: stats queries a second while a job runs, subscribers at once, upload memory, and what a job costs beside its work.
 *
 *   tsx --conditions=@lathe/source apps/gateway/bench/load.ts [--upload-bytes 5e9]
 *
 * The gateway runs in a process of its own, embedded; the clients in this one, on the same cores. Writes bench/results/gateway.json.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "@lathe/gateway/client";
import { member, until } from "./fleet.ts";
import { freePort } from "./postgres.ts";

const { values } = parseArgs({ options: { "upload-bytes": { type: "string", default: "5e9" }, seconds: { type: "string", default: "10" } } });
const folder = mkdtempSync(join(tmpdir(), "lathe-load-"));
const port = await freePort();
const technique = new URL("../test/techniques.ts", import.meta.url).href;
const gateway = member("gateway", ["--folder", folder, "--port", String(port), "--technique", technique, "--request-rate", "100000", "--subscriptions", "2000"]);
await until("the key", () => gateway.said().includes("Listening on"));
const token = /shown this once: (\S+)/.exec(gateway.said())![1]!;
const url = `http://127.0.0.1:${port}`;
const client = connect({ url, token });
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

/** The server's memory as the system sees it, bytes. */
const memory = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, "utf8"))![1]) * 1024;

function post(body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request(`${url}/graphql`, { method: "POST", agent, headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "content-length": Buffer.byteLength(body) } }, (res) => {
      let text = "";
      res.on("data", (chunk: Buffer) => (text += chunk.toString()));
      res.on("end", () => resolve(text));
    });
    req.on("error", reject);
    req.end(body);
  });
}

const quantile = (sorted: readonly number[], q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;

const model = await client.upload(readFileSync(new URL("../../../fixtures/models/fashion-mobilenet.onnx", import.meta.url)), { name: "fashion" });

async function queries(): Promise<object> {
  const job = await client.optimize(model, [{ wait: { ms: (Number(values.seconds) + 3) * 1000 } }]);
  const body = JSON.stringify({ query: `{ model(id: "${model.id}") { name stats { parameters macs sparsity nodeCount } } }` });
  const times: number[] = [];
  const end = performance.now() + Number(values.seconds) * 1000;
  const started = performance.now();
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (performance.now() < end) {
      const at = performance.now();
      const text = await post(body);
      if (!text.includes('"parameters"')) throw new Error(text);
      times.push(performance.now() - at);
    }
  }));
  const perSecond = times.length / ((performance.now() - started) / 1000);
  times.sort((a, b) => a - b);
  await job.cancel();
  return { perSecond: Math.round(perSecond), p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), connections: 8 };
}

async function subscribers(): Promise<object> {
  const job = await client.optimize(model, [{ wait: { ms: 8000 } }]);
  const started = performance.now();
  const seen = await Promise.all(Array.from({ length: 1000 }, async () => {
    let count = 0;
    for await (const { seq } of job.events()) if (seq !== ++count) throw new Error(`event ${seq} came as number ${count}`);
    return count;
  }));
  const { lastSeq } = await job.refresh();
  return { subscribers: seen.length, sawEverything: seen.every((n) => n === lastSeq), events: lastSeq, seconds: (performance.now() - started) / 1000, memoryMb: Math.round(memory() / 2 ** 20) };
}

/** Bytes that are made while they are sent: nothing here holds them. */
async function upload(size: number): Promise<object> {
  const block = Buffer.alloc(1 << 20, 7);
  const hash = createHash("sha256");
  for (let at = 0; at < size; at += block.length) hash.update(block.subarray(0, Math.min(block.length, size - at)));
  const { uploadCreate } = await client.query<{ uploadCreate: { uploads: { url: string }[] } }>("mutation ($f: [UploadFileInput!]!) { uploadCreate(files: $f) { ... on UploadsCreated { uploads { url } } } }", { f: [{ digest: `sha256:${hash.digest("hex")}`, size }] });
  const before = memory();
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, memory())), 50);
  const started = performance.now();
  const status = await new Promise<number>((resolve, reject) => {
    const req = request(uploadCreate.uploads[0]!.url, { method: "PUT", headers: { "content-length": size } }, (res) => {
      res.resume();
      res.on("end", () => resolve(res.statusCode!));
    });
    req.on("error", reject);
    let sent = 0;
    const push = (): void => {
      while (sent < size) {
        const piece = block.subarray(0, Math.min(block.length, size - sent));
        sent += piece.length;
        if (!req.write(piece)) return void req.once("drain", push);
      }
      req.end();
    };
    push();
  });
  clearInterval(watch);
  return { bytes: size, status, seconds: (performance.now() - started) / 1000, memoryBeforeMb: Math.round(before / 2 ** 20), peakMb: Math.round(peak / 2 ** 20), growthMb: Math.round((peak - before) / 2 ** 20) };
}

async function overhead(): Promise<object> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const at = performance.now();
    await (await client.optimize(model, [{ wait: { ms: 0 } }])).result();
    times.push(performance.now() - at);
    // The next child comes up meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 4000));
  }
  times.sort((a, b) => a - b);
  return { medianMs: quantile(times, 0.5), maxMs: times.at(-1) };
}

const loadBefore = loadavg()[0];
const results = {
  machine: { cpu: cpus()[0]?.model ?? "unknown", cores: availableParallelism(), loadBefore },
  queries: await queries(),
  subscribers: await subscribers(),
  overhead: await overhead(),
  upload: await upload(Number(values["upload-bytes"])),
};
await gateway.stop();
rmSync(folder, { recursive: true, force: true });
const text = `${JSON.stringify({ ...results, machine: { ...results.machine, loadAfter: loadavg()[0] } }, undefined, 2)}\n`;
console.log(text);
writeFileSync(new URL("../../../bench/results/gateway.json", import.meta.url), text);
process.exit(0);
