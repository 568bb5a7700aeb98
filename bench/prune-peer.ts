/**
 * Beside Torch-Pruning, on the same trained ResNet-20: the same share of channels cut by the 2-norm, judged before any training.
 *
 *   LATHE_PEER_PYTHON=.../python PYTHONPATH=TORCH_PRUNING npx tsx --conditions=@lathe/source bench/prune-peer.ts FASHION_FOLDER WORK_FOLDER
 *
 * WORK_FOLDER has the ResNet-20.onnx that bench/prune-fashion.ts left there; TORCH_PRUNING is a checkout of Torch-Pruning, unless it is
 * installed. Accuracy is of all 10,000 test images. Writes bench/results/prune-peer.json.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dataset, pipeline, random, stats, type Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { pruneChannels } from "@lathe/prune";
import { encodeTensors, evaluate } from "@lathe/train";
import { fashion } from "./lib/fashion.ts";

const [folder, work] = process.argv.slice(2);
const python = process.env["LATHE_PEER_PYTHON"];
if (folder === undefined || work === undefined || !python) throw new Error("Give the folder of Fashion-MNIST, the one with ResNet-20.onnx, and LATHE_PEER_PYTHON.");
const dense = await loadModel(join(work, "ResNet-20.onnx"));
const data = fashion(folder, 512, "input", {}, 0);
const runtime = ortRuntime({ load: { threads: 1 }, onWarning: () => undefined });
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

interface Peer {
  readonly accuracy: number;
  /** With statistics of BatchNorm measured again on the samples. */
  readonly batchNorm: number;
  readonly macs: number;
  readonly parameters: number;
  readonly widths: readonly number[];
  readonly version: string;
  readonly torch: string;
}
interface Ask {
  readonly ratio: number;
  readonly scope: "group" | "global";
}

async function peer(asked: readonly Ask[]): Promise<Peer[]> {
  const all = await data.test.batch(upTo(data.test.size), random(0));
  const sampled = (await data.train.batch(upTo(512), random(0)))["input"]!.reshape([16, 32, 1, 28, 28]);
  const temporary = mkdtempSync(join(tmpdir(), "lathe-bench-"));
  const file = join(temporary, "model.safetensors");
  const tensors = new Map([...dense.graph.initializers].filter((v) => /\.(weight|bias|running_mean|running_var)$/.test(v.name)).map((v) => [v.name, v.tensor!]));
  writeFileSync(file, encodeTensors({ tensors: new Map([...tensors, ["images", all["input"]!], ["labels", all["labels"]!], ["samples", sampled]]), metadata: {} }));
  const { stdout, stderr, status } = spawnSync(python!, ["-W", "ignore", new URL("peers/prune.py", import.meta.url).pathname], { input: asked.map((a) => `${JSON.stringify({ file, ...a })}\n`).join(""), encoding: "utf8" });
  rmSync(temporary, { recursive: true });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim().split("\n").map((line) => JSON.parse(line) as Peer);
}

const samples = dataset(await Promise.all(upTo(16).map(async (i) => ({ input: (await data.train.batch(upTo(32).map((k) => i * 32 + k), random(i)))["input"]! }))));

async function judged(model: Model): Promise<{ accuracy: number; macs: number; parameters: number }> {
  const { accuracy } = await evaluate(model, data.test, { runtime, batchSize: 500 });
  const { macs, parameters } = stats(model, { bindings: { N: 1 }, sparsity: false });
  return { accuracy: accuracy!, macs, parameters };
}

async function ours({ ratio, scope }: Ask): Promise<{ cut: Awaited<ReturnType<typeof judged>>; batchNorm: number; refit: number }> {
  if (ratio === 0) { const cut = await judged(dense); return { cut, batchNorm: cut.accuracy, refit: cut.accuracy }; }
  const options = { ratio, scope, target: "units", criterion: "l2", maxRatio: 0.8, roundTo: 1, samples: 16 } as const;
  const cutBy = async (more: object): Promise<Model> => (await pipeline(pruneChannels({ ...options, ...more })).run(dense, { runtime, data: samples }).result).model;
  return {
    cut: await judged(await cutBy({})),
    batchNorm: (await judged(await cutBy({ estimateBatchNorm: true }))).accuracy,
    refit: (await judged(await cutBy({ refit: true, estimateBatchNorm: true }))).accuracy,
  };
}

const asked: Ask[] = [{ ratio: 0, scope: "group" }, ...[0.25, 0.5].flatMap((ratio) => [{ ratio, scope: "group" }, { ratio, scope: "global" }] as const)];
const theirs = await peer(asked);
const rows = [];
for (const [i, ask] of asked.entries()) {
  const { version: _, torch: __, ...torchPruning } = theirs[i]!;
  const row = { ...ask, torchPruning, lathe: await ours(ask) };
  rows.push(row);
  console.log(JSON.stringify(row));
}
writeFileSync(new URL("results/prune-peer.json", import.meta.url), `${JSON.stringify({ torchPruning: theirs[0]!.version, torch: theirs[0]!.torch, rows }, null, 1)}\n`);
