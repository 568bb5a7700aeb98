/**
 * How fast and how light: stats queries a second while a job runs, subscribers at once, what a job costs beside its work, and the memory
 * of a large upload on the embedded database and on Postgres. Two minutes in all.
 *
 *   tsx --conditions=@lathe/source apps/gateway/bench/load.ts [--built] [--only queries,subscribers,overhead,upload] [--upload-bytes 5e9] [--seconds 10]
 *
 * Each part has a gateway process of its own, `--built` from dist (after `npx turbo run build --filter=@lathe/gateway`), else from the
 * sources; the clients are in this process, on the same cores. The parts that ran are written to bench/results/gateway.json.
 */
import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect, type Client } from "@lathe/gateway/client";
import { programOf } from "./fleet.ts";
import { freePort, startPostgres } from "./postgres.ts";

const { values } = parseArgs({
  options: { built: { type: "boolean", default: false }, only: { type: "string", default: "queries,subscribers,overhead,upload" }, "upload-bytes": { type: "string", default: "5e9" }, seconds: { type: "string", default: "10" } },
});
const technique = new URL("./wait.mjs", import.meta.url).href;
const program = programOf(values.built);

interface Running {
  readonly url: string;
  readonly token: string;
  readonly client: Client;
  /** Megabytes of memory that the gateway's process has now, and the most it ever had. */
  memory(): { now: number; peak: number };
}

/** Runs a part of the measurement against a gateway that has just come up. */
async function withGateway<T>(work: (gateway: Running) => Promise<T>, databaseUrl?: string): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "lathe-load-"));
  const port = await freePort();
  const args = ["--folder", folder, "--port", String(port), "--technique", technique, "--request-rate", "100000", "--subscriptions", "2000"];
  const child = spawn(process.execPath, [...program, ...args], { env: { ...process.env, ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}) }, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-20_000)));
  try {
    while (!said.includes("Listening on")) {
      if (child.exitCode !== null) throw new Error(said);
      await pause(50);
    }
    const token = /shown this once: (\S+)/.exec(said)![1]!;
    const url = `http://127.0.0.1:${port}`;
    const line = (text: string, name: string): number => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)![1]) / 1024);
    const memory = () => {
      const text = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return { now: line(text, "VmRSS"), peak: line(text, "VmHWM") };
    };
    return await work({ url, token, client: connect({ url, token }), memory });
  } finally {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
const sendModel = (client: Client) => client.upload(readFileSync(new URL("../../../fixtures/models/fashion-mobilenet.onnx", import.meta.url)), { name: "fashion" });
const round = (value: number): number => Number(value.toPrecision(3));

/** Median, 99th percentile and the slowest, in milliseconds. */
function spread(times: readonly number[]): { p50Ms: number; p99Ms: number; maxMs: number } {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!);
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

async function queries({ url, token, client }: Running): Promise<object> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const post = (body: string): Promise<string> => new Promise((resolve, reject) => {
    const req = request(`${url}/graphql`, { method: "POST", agent, headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "content-length": Buffer.byteLength(body) } }, (res) => {
      let text = "";
      res.on("data", (chunk: Buffer) => (text += chunk.toString()));
      res.on("end", () => resolve(text));
    });
    req.on("error", reject);
    req.end(body);
  });
  const model = await sendModel(client);
  const seconds = Number(values.seconds);
  const job = await client.optimize(model, [{ wait: { ms: (seconds + 10) * 1000 } }]);
  const body = JSON.stringify({ query: `{ model(id: "${model.id}") { name stats { parameters macs sparsity nodeCount } } }` });
  const ask = async (forSeconds: number): Promise<number[]> => {
    const times: number[] = [];
    const end = performance.now() + forSeconds * 1000;
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (performance.now() < end) {
        const at = performance.now();
        const text = await post(body);
        if (!text.includes('"parameters"')) throw new Error(text);
        times.push(performance.now() - at);
      }
    }));
    return times;
  };
  // The machine code of client and server comes with use.
  await ask(3);
  const times = await ask(seconds);
  const { state } = await job.refresh();
  await job.cancel();
  agent.destroy();
  return { perSecond: Math.round(times.length / seconds), ...spread(times), connections: 8, jobState: state };
}

async function subscribers({ client, memory }: Running): Promise<object> {
  const job = await client.optimize(await sendModel(client), [{ wait: { ms: 8000 } }]);
  const started = performance.now();
  const seen = await Promise.all(Array.from({ length: 1000 }, async () => {
    let count = 0;
    for await (const { seq } of job.events()) if (seq !== ++count) throw new Error(`event ${seq} came as number ${count}`);
    return count;
  }));
  const { lastSeq } = await job.refresh();
  return { subscribers: seen.length, sawEverything: seen.every((n) => n === lastSeq), events: lastSeq, seconds: round((performance.now() - started) / 1000), memoryPeakMb: memory().peak };
}

/** From the mutation to the result of a job whose step does nothing: when the next process is up already, and when jobs follow each other at once. */
async function overhead({ client }: Running): Promise<object> {
  const model = await sendModel(client);
  const once = async (): Promise<number> => {
    const at = performance.now();
    await (await client.optimize(model, [{ wait: { ms: 0 } }])).result();
    return performance.now() - at;
  };
  const alone: number[] = [];
  for (let i = 0; i < 10; i++) {
    await pause(3000);
    alone.push(await once());
  }
  const inRow: number[] = [];
  for (let i = 0; i < 20; i++) inRow.push(await once());
  return { alone: { jobs: alone.length, ...spread(alone) }, oneAfterAnother: { jobs: inRow.length, ...spread(inRow) } };
}

/** Bytes that are made while they are sent: nothing here holds them. */
async function upload({ client, memory }: Running, size: number): Promise<object> {
  const block = Buffer.alloc(1 << 20, 7);
  const hash = createHash("sha256");
  for (let at = 0; at < size; at += block.length) hash.update(block.subarray(0, Math.min(block.length, size - at)));
  const { uploadCreate } = await client.query<{ uploadCreate: { uploads: { url: string }[] } }>("mutation ($f: [UploadFileInput!]!) { uploadCreate(files: $f) { ... on UploadsCreated { uploads { url } } } }", { f: [{ digest: `sha256:${hash.digest("hex")}`, size }] });
  const before = memory().now;
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
  return { bytes: size, status, seconds: round((performance.now() - started) / 1000), memoryBeforeMb: before, memoryPeakMb: memory().peak };
}

async function uploads(): Promise<object> {
  const size = Number(values["upload-bytes"]);
  const embedded = await withGateway((g) => upload(g, size));
  const server = await startPostgres();
  const postgres = await withGateway((g) => upload(g, size), server.url).finally(() => server.stop());
  return { embedded, postgres };
}

const parts: Readonly<Record<string, () => Promise<object>>> = {
  queries: () => withGateway(queries),
  subscribers: () => withGateway(subscribers),
  overhead: () => withGateway(overhead),
  upload: uploads,
};
const file = new URL("../../../bench/results/gateway.json", import.meta.url);
const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>) : {};
for (const name of values.only.split(",")) {
  const loadBefore = loadavg()[0];
  const result = await parts[name]!();
  known[name] = { ...result, from: values.built ? "dist" : "sources", load: [loadBefore, loadavg()[0]].map((l) => round(l!)) };
  console.log(name, JSON.stringify(known[name]));
}
known["machine"] = { cpu: cpus()[0]?.model ?? "unknown", cores: availableParallelism() };
writeFileSync(file, `${JSON.stringify(known, undefined, 2)}\n`);
process.exit(0);
