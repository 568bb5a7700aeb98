/**
 * How long the gateway answers nobody while models with very many nodes go through it: the longest delay of its event loop in an upload, a
 * plan, a job, and a page of the list of nodes. A minute or two.
 *
 *   tsx --conditions=@lathe/source apps/gateway/bench/loop.ts [--nodes 100000]
 *
 * The gateway is in this process, and the client does little. Written to bench/results/gateway-loop.json.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { Graph, Model, encodeModel, tensorType } from "@lathe/core";
import { createGateway, silentLog } from "@lathe/gateway";
import { connect } from "@lathe/gateway/client";

const { values } = parseArgs({ options: { nodes: { type: "string", default: "100000" } } });
const nodes = Number(values.nodes);

/** A chain, whose names are as long as exporters make them. */
function chain(): Uint8Array<ArrayBuffer> {
  const graph = new Graph("chain");
  let value = graph.addInput("x", tensorType("float32", [1, 8]));
  for (let i = 0; i < nodes; i++) {
    const name = `/model/layers.${i}/activation/Relu_${i}`;
    value = graph.add({ opType: i % 2 === 0 ? "Relu" : "Abs", name, inputs: [value], outputs: [`${name}_output_0`] }).out;
  }
  graph.addOutput(value);
  return new Uint8Array(encodeModel(new Model({ opset: 17, graph })));
}

const bytes = chain();
const folder = mkdtempSync(join(tmpdir(), "lathe-loop-"));
const technique = new URL("./wait.mjs", import.meta.url).href;
const gateway = await createGateway({ folder, port: 0, log: silentLog, techniques: [technique] });
const lathe = connect({ url: gateway.url, token: gateway.firstToken! });
const delay = monitorEventLoopDelay({ resolution: 2 });
const result: Record<string, unknown> = { nodes, modelBytes: bytes.length };

async function measured<T>(name: string, work: () => Promise<T>): Promise<T> {
  // What was made before is not collected while it is measured.
  await new Promise((resolve) => void setTimeout(resolve, 500));
  delay.reset();
  delay.enable();
  const started = performance.now();
  const value = await work();
  delay.disable();
  result[name] = { longestDelayMs: Math.round(delay.max / 1e6), seconds: Number(((performance.now() - started) / 1000).toFixed(1)) };
  console.log(name, JSON.stringify(result[name]));
  return value;
}

try {
  const model = await measured("upload", () => lathe.upload(bytes, { name: "chain" }));
  const PLAN = "query ($m: ID!) { plan(model: $m, steps: [{ wait: { ms: 1 } }]) { ... on Plan { runnable } ... on UserError { code message } } }";
  await measured("plan", () => lathe.query(PLAN, { m: model.id }));
  const PAGE = "query ($m: ID!) { model(id: $m) { layers(first: 10) { nodes { name } } nodes(last: 10) { nodes { name before { name } } } } }";
  await measured("page", () => lathe.query(PAGE, { m: model.id }));
  const job = await lathe.optimize(model, [{ wait: { ms: 1 } }]);
  await measured("job", async () => {
    for await (const _ of job.events());
  });
  const REPORT = "query ($j: ID!) { job(id: $j) { report { title before { macs } steps { name } } } }";
  await measured("report", () => lathe.query(REPORT, { j: job.id }));
} finally {
  await gateway.close();
  rmSync(folder, { recursive: true, force: true });
}
const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: availableParallelism(), load: Number(loadavg()[0]!.toPrecision(3)) };
writeFileSync(new URL("../../../bench/results/gateway-loop.json", import.meta.url), `${JSON.stringify({ ...result, machine }, undefined, 2)}\n`);
process.exit(0);
