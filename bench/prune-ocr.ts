/**
 * The PP-OCRv4 text recogniser pruned to a measured latency, with text lines but no labels.
 *
 *   npx tsx --conditions=@lathe/source bench/prune-ocr.ts [--threads 2] [--epochs 2] [--drawings 3] [--rate 3e-4] [--targets 1.3,1.5]
 *
 * For each target the least cut, by what channels carry on 32 unlabelled lines, that is that many times as fast in ONNX Runtime (one thread, timed in turns
 * with the original, confirmed); then the ridge refit on 32 unlabelled lines; then fine-tuning on unlabelled lines with the original as teacher (soft targets). Character error rate of
 * 100 rendered lines whose texts and drawings nothing before has seen. Prints the table and writes bench/results/prune-ocr.json.
 */
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { dataset, inferShapes, pipeline, simplify, stats, tensorType, type Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { distill, softTargets } from "@lathe/distill";
import { ortRuntime } from "@lathe/ort";
import { pruneChannels } from "@lathe/prune";
import { adamW, oneCycle, withWeights } from "@lathe/train";
import { recognizerPath } from "../examples/demo/ocr.ts";
import { crops, ocrLines } from "./lib/ocr-lines.ts";
import { read, type Read } from "../examples/demo/recognizer.ts";
import { processorTimes } from "./lib/processor-time.ts";

const { values: given } = parseArgs({
  options: { threads: { type: "string", default: "2" }, epochs: { type: "string", default: "2" }, drawings: { type: "string", default: "3" }, rate: { type: "string", default: "3e-4" }, targets: { type: "string", default: "1.3,1.5" } },
});
const REFIT = 32;
const WIDTH = 320;
const runtime = ortRuntime({ load: { memoryPattern: false, threads: Number(given.threads) }, onWarning: () => undefined });
const { evaluation, unlabelled } = ocrLines(Number(given.drawings));
const { model: original } = await pipeline(simplify()).run(await loadModel(recognizerPath), {}).result;
/** What the softmax at the end reads. */
const logits = original.graph.outputs[0]!.producer!.input(0)!.name;
const bindings = { "p2o.DynamicDimension.0": 1, "p2o.DynamicDimension.1": 320 };

interface Row extends Read {
  readonly variant: string;
  readonly parameters: number;
  readonly macs: number;
  /** Wanted and measured, times as fast as the original (processor time, one thread). */
  readonly wanted?: number;
  readonly speedup?: number;
}
const rows: Row[] = [];

async function judge(variant: string, model: Model, wanted?: number): Promise<void> {
  const { parameters, macs } = stats(model, { bindings, sparsity: false });
  const [before, after] = wanted === undefined ? [] : await processorTimes([original, model], { x: evaluation[0]!.image }, 9, 3);
  const row: Row = { variant, parameters, macs, ...(await read(model, evaluation, runtime)), ...(wanted === undefined ? {} : { wanted, speedup: before! / after! }) };
  rows.push(row);
  console.log(`${variant} | ${parameters} parameters | ${(macs / 1e6).toFixed(0)} M | CER ${(row.errorRate * 100).toFixed(2)} % | exact ${(row.exact * 100).toFixed(0)} % | ${row.speedup?.toFixed(2) ?? ""}`);
}

/** The same model for lines of one width: training wants to know the sizes of images. */
function ofWidth(model: Model, width: number): Model {
  const fixed = model.clone();
  fixed.graph.inputs[0]!.type = tensorType("float32", ["N", 3, 48, width]);
  inferShapes(fixed);
  return fixed;
}

async function tuned(student: Model): Promise<Model> {
  const run = distill({
    teacher: ofWidth(original, WIDTH), student: ofWidth(student, WIDTH), data: crops(unlabelled, WIDTH), terms: [softTargets({ student: logits, teacher: logits, temperature: 1 })], runtime,
    batchSize: 8, epochs: Number(given.epochs), optimizer: adamW({ weightDecay: 0 }), schedule: oneCycle(Number(given.rate)), clipNorm: 5, batchNorm: "frozen", seed: 1, keep: "last",
  });
  for await (const event of run) if (event.type === "step" && event.step % 10 === 0) console.log(`  ${event.step}/${event.totalSteps} loss ${event.loss.toFixed(4)} ${event.stepMs.toFixed(0)} ms, ${Math.round(event.etaMs / 1000)} s left`);
  return withWeights(student, (await run.result).weights);
}

const options = { criterion: "activation", roundTo: 16, minimum: 16, samples: REFIT } as const;
const searches: object[] = [];
const samples = dataset(unlabelled.slice(0, REFIT).map(({ image }) => ({ x: image })));
await judge("original", original);
for (const wanted of given.targets.split(",").map(Number)) {
  const { report, model: refitted } = await pipeline(pruneChannels({ ...options, ratio: 1 - 1 / wanted, target: "latency", rounds: 31, threads: 1, refit: true })).run(original, { runtime, data: samples }).result;
  const { unitRatio } = report.data.steps[0]!.metrics as { unitRatio: number };
  const { trials } = report.data.steps[0]!.details as unknown as { trials: readonly { ratio: number; speedup: number; confirms: boolean }[] };
  console.log(trials);
  searches.push({ wanted, trials });
  const { model: cut } = await pipeline(pruneChannels({ ...options, ratio: unitRatio, target: "units" })).run(original, { runtime, data: samples }).result;
  await judge(`${wanted} times: cut`, cut);
  await judge(`${wanted} times: cut, refit`, refitted, wanted);
  if (Number(given.epochs) > 0) await judge(`${wanted} times: cut, refit, taught by the original`, await tuned(refitted), wanted);
}
console.table(rows);
writeFileSync(new URL("results/prune-ocr.json", import.meta.url), `${JSON.stringify({ unlabelled: unlabelled.length, refitLines: REFIT, evaluated: evaluation.length, epochs: Number(given.epochs), rate: Number(given.rate), load: loadavg()[0], searches, rows }, null, 1)}\n`);
