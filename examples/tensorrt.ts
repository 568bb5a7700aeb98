/**
 * A model made ready for TensorRT, without a GPU; where TensorRT is there, also built, measured and timed.
 * Run it: npx tsx --conditions=@lathe/source examples/tensorrt.ts
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tensor, dataset, isLatheError, pipeline, simplify, topKAccuracy, type Model } from "@lathe/core";
import { loadModel, readIdx } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { buildArgs, checkTensorRT, parseTool, passes, profileFor, trtInt8, type EngineSpec } from "@lathe/trt";
import { buildEngine, compareEngine, openTensorRT } from "@lathe/trt/node";

const runtime = ortRuntime();
const path = (file: string): string => new URL(`../fixtures/data/${file}-ubyte.gz`, import.meta.url).pathname;

// %% A model and real images: float32 [1, 28, 28] in [0, 1].
const model = await loadModel(new URL("../fixtures/models/fashion-mobilenet.onnx", import.meta.url));
const images = async (part: string) =>
  dataset({ image: await readIdx(path(`fashion-${part}-images-idx3`)), label: await readIdx(path(`fashion-${part}-labels-idx1`)) }).map(({ image, label }) => ({
    image: Tensor.from("float32", [1, 28, 28], image!.toFloat32().map((p) => p / 255)),
    label: label!,
  }));
const calibration = (await images("train-512")).take(128).batch(16);
const test = (await images("test-2000")).take(500).batch(250);

// %% What would TensorRT 11 say? It takes types from the graph alone: this one would run in float32.
const profiles = [profileFor(model, { N: [1, 8, 32] })];
for (const { severity, id, message } of checkTensorRT(model, { version: "11.1", profiles })) console.log(severity, id, message);

// %% Integers in the graph, as its builder takes them. Any engine can run that: here ONNX Runtime judges the rounding.
const { model: int8 } = await pipeline(simplify(), trtInt8()).run(model, { data: calibration, runtime }).result;
export const ready = passes(checkTensorRT(int8, { version: "11.1", profiles }));

async function accuracy(candidate: Model): Promise<number> {
  const session = await runtime.load(candidate);
  const [scores, labels]: [number[], number[]] = [[], []];
  for await (const { image, label } of test) {
    scores.push(...(await session.run({ image: image! }))["logits"]!.toFloat32());
    labels.push(...label!.toNumbers());
  }
  await session.dispose();
  return topKAccuracy(scores, labels);
}
export const top1 = { float32: await accuracy(model), int8: await accuracy(int8) };
console.log(top1);

// %% The same wish as command lines of three tools.
const wishes: Readonly<Record<string, EngineSpec>> = { "10.13": { profiles, precision: ["int8", "fp16"] }, "11.1": { profiles }, "rtx-1.4": { profiles } };
export const commands = Object.fromEntries(Object.entries(wishes).map(([release, spec]) => [release, buildArgs(parseTool(release)!, spec, { onnx: "int8.onnx", plan: "int8.plan" })]));
for (const [release, argv] of Object.entries(commands)) console.log(release, argv.join(" "));

// %% Where TensorRT is there: built, compared with the model, timed.
export const engine = await openTensorRT().then(
  async (tensorrt) => {
    const { kind, version } = tensorrt.tool;
    const spec: EngineSpec = kind === "tensorrt_rtx" || version.major >= 11 ? { profiles } : { profiles, precision: ["int8"] };
    const { plan, bench } = await buildEngine(int8, spec, { tensorrt, plan: join(tmpdir(), "lathe-int8.plan") });
    const { tensors } = await compareEngine(int8, plan, await calibration.take(2).toArray(), { tensorrt, spec });
    return { ms: bench!.summary.latency.median, sqnr: tensors["logits"]!.sqnr };
  },
  (error: unknown) => {
    if (!isLatheError(error, "TRT_NOT_FOUND")) throw error;
    return error.message;
  },
);
console.log(engine);
