/**
 * Time to build the dependency graph: npx tsx --conditions=@lathe/source bench/prune-groups.ts [model.onnx ...]
 * A synthetic residual network of 1,000 nodes, and the given files; processor time, the least of five, shapes already inferred.
 */
import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { attr, random, standardOps, type Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { dependencyGraph, prepare } from "@lathe/prune";
import { ModelBuilder } from "@lathe/train";

/** Blocks of Conv, BatchNormalization, Relu and Add, 64 channels. */
function residual(nodes: number): Model {
  const b = new ModelBuilder({ name: "residual", random: random(1).float });
  let x = b.relu(b.conv(b.input("input", ["N", 3, 32, 32]), "stem", 3, 64));
  for (let i = 0; i < nodes / 4; i++) x = b.node("Add", [x, b.relu(b.batchNorm(b.conv(x, `c${i}`, 64, 64, { kernel: 1 }), `n${i}`, 64))]);
  return b.output(b.linear(b.node("Flatten", [b.globalAveragePool(x)], { axis: attr.int(1) }), "head", 64, 10), "logits", ["N", 10]);
}

const rows = [];
for (const [name, load] of [["residual, 1,000 nodes", async () => residual(1000)], ...process.argv.slice(2).map((path) => [basename(path), () => loadModel(path)] as const)] as (readonly [string, () => Promise<Model>])[]) {
  const model = await load();
  await prepare(model, standardOps);
  let [best, groups, positions] = [Infinity, 0, 0];
  for (let i = 0; i < 5; i++) {
    const start = process.cpuUsage();
    const graph = dependencyGraph(model);
    const used = process.cpuUsage(start);
    best = Math.min(best, (used.user + used.system) / 1000);
    [groups, positions] = [graph.groups.length, graph.positions.total];
  }
  rows.push({ name, nodes: [...model.graph.nodes].length, positions, groups, ms: Number(best.toFixed(1)) });
}
console.table(rows);
writeFileSync(new URL("results/prune-groups.json", import.meta.url), `${JSON.stringify({ rows }, null, 1)}\n`);
