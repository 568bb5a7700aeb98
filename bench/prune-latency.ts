/**
 * Latency of the networks that bench/prune-fashion.ts left in WORK_FOLDER against their dense originals, batch 1, one thread.
 *
 *   npx tsx --conditions=@lathe/source bench/prune-latency.ts WORK_FOLDER
 *
 * On a shared machine wall time says little: the processor time of the same interleaved runs is given beside it.
 */
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { Tensor, type Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { benchmark, ortRuntime } from "@lathe/ort";

const work = process.argv[2]!;
const pairs = [
  ["ResNet-20", `${work}/resnet20-16.onnx`, `${work}/ResNet-20-cut.onnx`],
  ["MobileNet", fileURLToPath(new URL("../fixtures/models/fashion-mobilenet.onnx", import.meta.url)), `${work}/MobileNet-cut.onnx`],
] as const;
const runtime = ortRuntime();

async function processorTimes(models: readonly Model[], feeds: Record<string, Tensor>): Promise<number[]> {
  const sessions = await Promise.all(models.map((model) => runtime.load(model, { threads: 1 })));
  const spent: number[][] = models.map(() => []);
  for (let round = 0; round < 21; round++) {
    for (const [i, session] of sessions.entries()) {
      const start = process.cpuUsage();
      for (let k = 0; k < 60; k++) await session.run(feeds);
      const { user, system } = process.cpuUsage(start);
      spent[i]!.push((user + system) / 60_000);
    }
  }
  for (const session of sessions) await session.dispose();
  return spent.map((list) => list.sort((a, b) => a - b)[10]!);
}

const rows = [];
for (const [network, a, b] of pairs) {
  const [dense, cut] = [await loadModel(a), await loadModel(b)];
  const feeds = { [dense.graph.inputs[0]!.name]: Tensor.from("float32", [1, 1, 28, 28], Float32Array.from({ length: 784 }, (_, i) => (i % 17) / 17)) };
  const { timings } = await benchmark({ dense, cut }, feeds, { rounds: 40, threads: 1, runtime });
  const [before, after] = await processorTimes([dense, cut], feeds);
  const fastest = timings.map((t) => Math.min(...t.samples));
  rows.push({ network, medianMs: timings.map((t) => t.median), speedup: timings[1]!.speedup, fastestMs: fastest, fastestSpeedup: fastest[0]! / fastest[1]!, processorMs: [before, after], processorSpeedup: before! / after! });
}
console.log(JSON.stringify(rows, null, 1), loadavg()[0]);
writeFileSync(new URL("results/prune-latency.json", import.meta.url), `${JSON.stringify({ load: loadavg()[0], rows }, null, 1)}\n`);
