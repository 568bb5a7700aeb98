/**
 * Peak memory of the criteria that measure on data, on an MLP of 34 million parameters (134 MB), each in a program of its own.
 *
 *   npx tsx --conditions=@lathe/source bench/prune-criteria.ts [--code NAME]
 *
 * NAME says which code was measured, so that rows of earlier code stay beside those of the present one. Writes bench/results/prune-criteria.json.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { inferShapes, random, standardOps, Tensor, type Feeds } from "@lathe/core";
import { ortRuntime, randomTensor } from "@lathe/ort";
import { dataCriterion, dependencyGraph, prepare, type DataCriterionName } from "@lathe/prune";
import { ModelBuilder } from "@lathe/train";
import { peakMb } from "./lib/peak-memory.mjs";
import { saveRows } from "./lib/save-rows.ts";

const { values: given, positionals: [criterion] } = parseArgs({ allowPositionals: true, options: { code: { type: "string", default: "present" } } });
const WIDTH = 4096;

async function measure(name: DataCriterionName): Promise<object> {
  const b = new ModelBuilder({ name: "mlp", random: random("mlp").float });
  const x = b.input("input", ["N", 64]);
  const h = b.relu(b.linear(b.relu(b.linear(b.relu(b.linear(x, "a", 64, WIDTH)), "b", WIDTH, WIDTH)), "c", WIDTH, WIDTH));
  const model = b.output(b.linear(h, "d", WIDTH, 10), "logits", ["N", 10]);
  inferShapes(model);
  await prepare(model, standardOps);
  const batches = Array.from({ length: 16 }, (_, i): Feeds => ({ input: randomTensor("float32", [8, 64], random(i)), labels: Tensor.int64([0, 1, 2, 3, 4, 5, 6, 7]) }));
  const { groups } = dependencyGraph(model);
  const before = peakMb();
  const start = process.cpuUsage();
  const judge = await dataCriterion(name, model, groups, { runtime: ortRuntime({ placement: "inline", load: { threads: 1, memoryPattern: false } }), batches, reduction: "mean" });
  const sum = groups.reduce((total, group) => total + judge(group, random(1)).reduce((a, s) => a + s, 0), 0);
  const { user, system } = process.cpuUsage(start);
  return { criterion: name, code: given.code, peakMbBefore: before, peakMb: peakMb(), processorS: (user + system) / 1e6, sumOfScores: sum };
}

if (criterion !== undefined) console.log(JSON.stringify(await measure(criterion as DataCriterionName)));
else {
  const rows = (["taylor", "fisher", "activation", "apoz"] as const).map((name) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), name, "--code", given.code], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    const row = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, unknown>;
    console.log(row);
    return row;
  });
  saveRows("prune-criteria", { parameters: "34 million", batches: 16 }, rows, (row) => `${String(row["criterion"])} ${String(row["code"])}`);
}
