/**
 * Kills gateways, workers and task processes at random while jobs run, and checks what was promised: nothing accepted is lost, nothing is
 * published twice, events have no gaps and every subscriber sees each once.
 *
 *   tsx --conditions=@lathe/source apps/gateway/bench/chaos.ts [--postgres] [--jobs 200] [--seed 1] [--built]
 *
 * Embedded: one gateway that also works. With --postgres: two gateways and three workers on one server; every fourth job is followed on
 * both. `--built` runs dist (after `npx turbo run build --filter=@lathe/gateway`), which comes up sooner. What was found goes to
 * bench/results/gateway-chaos.json, one entry for each database.
 */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { random } from "@lathe/core";
import { connect, GatewayError, type Client, type JobHandle } from "@lathe/gateway/client";
import { member, programOf, until, type Member } from "./fleet.ts";
import { freePort, startPostgres } from "./postgres.ts";

const { values } = parseArgs({ options: { postgres: { type: "boolean", default: false }, jobs: { type: "string", default: "200" }, seed: { type: "string", default: "1" }, built: { type: "boolean", default: false } } });
const count = Number(values.jobs);
const rng = random(Number(values.seed));
const pick = <T>(list: readonly T[]): T => list[Math.floor(rng.float() * list.length)]!;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = mkdtempSync(join(tmpdir(), "lathe-chaos-"));
const server = values.postgres ? await startPostgres() : undefined;
const technique = new URL("./wait.mjs", import.meta.url).href;
const program = programOf(values.built);
const env: Record<string, string> = server ? { DATABASE_URL: server.url } : {};
const ports = await Promise.all((server ? [1, 2] : [1]).map(freePort));
const shared = ["--folder", folder, "--technique", technique];
const gateways = ports.map((port, i) => member(`gateway ${i + 1}`, program, [...shared, "--port", String(port), "--workers", server ? "0" : "2"], env));
await until("the first key", () => gateways.some((g) => g.said().includes("Admin key")));
const token = gateways.map((g) => /shown this once: (\S+)/.exec(g.said())?.[1]).find((t) => t !== undefined)!;
const workers = server ? [1, 2, 3].map((i) => member(`worker ${i}`, program, [...shared, "--no-http", "--workers", "1"], env)) : [];
const fleet: Member[] = [...gateways, ...workers];
const clients = ports.map((port) => connect({ url: `http://127.0.0.1:${port}`, token }));

/** How long anybody waits for a gateway that is down, killed again and again. */
const PATIENCE_MS = 600_000;

/** Any gateway will do, and one that is down comes back. */
async function insist<T>(work: (client: Client) => Promise<T>): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    try {
      return await work(pick(clients));
    } catch (error) {
      if (error instanceof GatewayError && error.code !== "INTERNAL_SERVER_ERROR" && error.code !== "RATE_LIMITED") throw error;
      if (Date.now() > end) throw error;
      await pause(200);
    }
  }
}

process.on("uncaughtException", (error) => {
  console.error(error);
  for (const { name, said } of fleet) console.error(`--- ${name} said last:\n${said().slice(-3000)}`);
  process.exit(1);
});

const started = performance.now();
const model = readFileSync(new URL("../../../fixtures/models/fashion-mobilenet.onnx", import.meta.url));
const { id: modelId } = await insist((client) => client.upload(model, { name: "fashion" }));

const kills: Record<string, number> = { gateway: 0, worker: 0, child: 0 };
let killing = true;
const killer = (async () => {
  while (killing) {
    const since = performance.now();
    await until("one that is up", () => !killing || fleet.some((m) => m.up), PATIENCE_MS);
    // A process that is killed before it is up again would never come up, and an only one that is killed as soon as it is up would do no work.
    await pause(2000 + 4000 * rng.float() + (performance.now() - since));
    if (!killing) return;
    const target = pick(fleet.filter((m) => m.up));
    const children = fleet.flatMap((m) => m.children());
    if (rng.float() < 0.4 && children.length > 0) {
      kills["child"]!++;
      try {
        process.kill(pick(children), "SIGKILL");
      } catch {
        // It ended by itself just now.
      }
    } else {
      kills[target.name.split(" ")[0]!]!++;
      target.kill();
    }
  }
})();

const problems: string[] = [];
let eventsSeen = 0;
/** On one gateway, however often that one is killed meanwhile. */
const follow = async (client: Client, job: JobHandle): Promise<void> => {
  let last = 0;
  for (let end = Date.now() + PATIENCE_MS; ; ) {
    try {
      const handle = await client.job(job.id);
      end = Date.now() + PATIENCE_MS;
      for await (const { seq } of handle.events({ after: last })) {
        if (seq !== last + 1) problems.push(`job ${job.id}: event ${seq} came after ${last}`);
        last = seq;
        eventsSeen++;
      }
      const { lastSeq } = (await client.job(job.id)).info;
      if (last !== lastSeq) problems.push(`job ${job.id}: a subscriber saw events to ${last}, there are ${lastSeq}`);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await pause(300);
    }
  }
};

const accepted: JobHandle[] = [];
const followers: Promise<void>[] = [];
for (let i = 0; i < count; i++) {
  const steps = [{ wait: { ms: Math.floor(rng.float() * 400) } }];
  const submit = (): Promise<JobHandle> => insist((client) => client.optimize(modelId, steps, { idempotencyKey: `job ${i}`, name: `result ${i}` }));
  // As many unfinished ones as one owner may have, and then the next.
  const job = await (async () => {
    for (;;) {
      try {
        return await submit();
      } catch (error) {
        if (!(error instanceof GatewayError && error.code === "TOO_MANY")) throw error;
        await pause(1000);
      }
    }
  })();
  accepted.push(job);
  if (i % 4 === 0) followers.push(...clients.map((client) => follow(client, job)));
}
const final = new Set(["SUCCEEDED", "FAILED", "CANCELLED"]);
const open = new Set(accepted);
await until("all jobs to end", async () => {
  for (const job of [...open].slice(0, 20)) if (final.has((await insist((client) => client.job(job.id))).info.state)) open.delete(job);
  if (open.size < count * 0.1) killing = false;
  return open.size === 0;
}, 1_800_000);
killing = false;
await killer;
await Promise.all(followers);

interface Facts {
  readonly job: { readonly state: string; readonly lastSeq: number; readonly error: { readonly code: string } | null; readonly attempts: readonly object[]; readonly events: { readonly nodes: readonly { readonly seq: number; readonly type: string }[] } };
}

const states: Record<string, number> = {};
let attempts = 0;
for (const { id } of accepted) {
  const { job } = await insist((client) => client.query<Facts>("query ($id: ID!) { job(id: $id) { state lastSeq error { code } attempts { number } events(first: 100) { nodes { seq type } } } }", { id }));
  const key = job.error ? `${job.state} ${job.error.code}` : job.state;
  states[key] = (states[key] ?? 0) + 1;
  attempts += job.attempts.length;
  const seqs = job.events.nodes.map((e) => e.seq);
  if (seqs.some((seq, i) => seq !== i + 1) || seqs.length !== Math.min(100, job.lastSeq)) problems.push(`job ${id}: events ${seqs.join(" ")}`);
  if (job.events.nodes.filter((e) => final.has(e.type)).length !== 1) problems.push(`job ${id}: it does not end exactly once`);
}

const results = new Map<string, number>();
for (let after: string | null = null; ; ) {
  const page: { models: { nodes: { name: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } } = await insist((client) => client.query("query ($after: String) { models(first: 100, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }", { after }));
  for (const { name } of page.models.nodes) results.set(name, (results.get(name) ?? 0) + 1);
  if (!page.models.pageInfo.hasNextPage) break;
  after = page.models.pageInfo.endCursor;
}
results.delete("fashion");
for (const [name, times] of results) if (times > 1) problems.push(`"${name}" was published ${times} times`);
if (new Set(accepted.map((j) => j.id)).size !== count) problems.push("two requests got one job");
if (results.size !== (states["SUCCEEDED"] ?? 0)) problems.push(`${states["SUCCEEDED"]} jobs succeeded, ${results.size} results are there`);

await Promise.all(fleet.map((m) => m.stop()));
await server?.stop();
rmSync(folder, { recursive: true, force: true });
const database = server ? "postgres" : "embedded";
const outcome = { ...(server ? { version: server.version } : {}), jobs: count, seed: Number(values.seed), processes: { gateways: gateways.length, workers: workers.length }, seconds: Math.round((performance.now() - started) / 1000), kills, states, attempts, subscribers: followers.length, eventsSeen, problems };
console.log(JSON.stringify({ database, ...outcome }, undefined, 2));
const file = new URL("../../../bench/results/gateway-chaos.json", import.meta.url);
const earlier = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as object) : {};
const temporary = new URL(`gateway-chaos.json.${process.pid}.tmp`, file);
writeFileSync(temporary, `${JSON.stringify({ ...earlier, [database]: outcome }, undefined, 1)}\n`);
renameSync(temporary, file);
process.exit(problems.length === 0 ? 0 : 1);
