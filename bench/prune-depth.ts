/**
 * Whether removal of residual blocks is right, on exported models:
 *
 *   npx tsx --conditions=@lathe/source bench/prune-depth.ts FOLDER [name ...]
 *
 * FOLDER holds exported models (bench/peers/export_models.py writes them). Of each, the third of the residual branches with least influence
 * on two random samples is removed; the result must equal the original with what these branches add multiplied by zero, in ONNX
 * Runtime without optimization, within 1e-5 of the largest output. Prints a table and writes bench/results/prune-depth.json. About a minute.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { standardOps, stats } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { blockInfluence, blocksOf, prepare, removeBranches, residualBranches, zeroBranches } from "@lathe/prune";
import { floatOutputs, largestDifference } from "./lib/float-outputs.ts";

const [folder = ".", ...only] = process.argv.slice(2);
const names = only.length > 0 ? only : ["bert", "vit-dynamo", "swin_t", "gqa_decoder", "gqa_decoder-dynamo", "conformer", "mixer", "resnet18", "resnet50", "resnext50_32x4d", "regnet_y_400mf", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny", "maxvit_t", "yolo"];
const runtime = ortRuntime({ onWarning: () => undefined });

async function check(name: string): Promise<object> {
  const model = await loadModel(join(folder, `${name}.onnx`));
  await prepare(model, standardOps);
  const before = stats(model, { sparsity: false });
  const branches = residualBranches(model.graph);
  const blocks = blocksOf(branches, 1);
  const feeds = [1, 2].map((seed) => randomFeeds(model, { seed, unbound: 2 }));
  const influence = await blockInfluence(model, blocks, { runtime, batches: feeds });
  const count = Math.max(1, Math.floor(blocks.length / 3));
  const order = blocks.map((_, i) => i).toSorted((a, b) => influence[a]! - influence[b]!);
  const chosen = new Set(order.slice(0, count).map((i) => blocks[i]!.branches[0]!.name));
  const gone = branches.filter((b) => chosen.has(b.name));
  const zeroed = model.clone();
  zeroBranches(zeroed, residualBranches(zeroed.graph).filter((b) => chosen.has(b.name)));
  const original = await floatOutputs(model, feeds[0]!, runtime);
  const reference = await floatOutputs(zeroed, feeds[0]!, runtime);
  await removeBranches(model, gone.filter((b) => !gone.some((other) => other.nodes.has(b.add))));
  const after = stats(model, { sparsity: false });
  const found = largestDifference(reference, await floatOutputs(model, feeds[0]!, runtime));
  const control = largestDifference(reference, original);
  return { model: name, branches: branches.length, removed: gone.length, parameters: 1 - after.parameters / before.parameters, macs: 1 - after.macs / before.macs, influence: [Math.min(...influence), Math.max(...influence)], difference: found, control, verdict: found <= 1e-5 && control > 10 * found && control > 2e-5 ? "proven" : "wrong" };
}

const rows: object[] = [];
for (const name of names) {
  if (!existsSync(join(folder, `${name}.onnx`))) continue;
  const row = await check(name).catch((error: unknown) => ({ model: name, verdict: "wrong", note: String(error).slice(0, 300) }));
  rows.push(row);
  console.log(JSON.stringify(row));
}
writeFileSync(new URL("results/prune-depth.json", import.meta.url), `${JSON.stringify({ rows }, null, 1)}\n`);
