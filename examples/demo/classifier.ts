/** The same job on a small image classifier: a depthwise CNN trained on Fashion-MNIST. */
import { argmax, dataset, pipeline, simplify, topKAccuracy, type Dataset, type Model, type Report, type RunEvent, type Runtime, Tensor } from "@lathe/core";
import { loadModel, readIdx } from "@lathe/core/node";
import { staticQuantize } from "@lathe/quantize";

const root = new URL("../../fixtures/", import.meta.url);
export const classifierPath = new URL("models/fashion-mobilenet.onnx", root);

/** Images float32 [1, 28, 28] in [0, 1] with int64 labels. */
export async function fashion(part: "test-2000" | "train-512"): Promise<Dataset> {
  const [pixels, labels] = await Promise.all(["images-idx3", "labels-idx1"].map((kind) => readIdx(new URL(`data/fashion-${part}-${kind}-ubyte.gz`, root).pathname)));
  return dataset({ image: pixels!, label: labels! }).map(({ image, label }) => ({
    image: Tensor.from("float32", [1, 28, 28], image!.toFloat32().map((p) => p / 255)),
    label: label!,
  }));
}

export interface Accuracy {
  readonly top1: number;
  /** Class by class decisions, to compare two models. */
  readonly answers: Int32Array;
}

export async function classify(model: Model, data: Dataset, runtime: Runtime): Promise<Accuracy> {
  const session = await runtime.load(model);
  try {
    const scores: number[] = [];
    const labels: number[] = [];
    for await (const { image, label } of data.batch(200)) {
      scores.push(...(await session.run({ image: image! }))["logits"]!.toFloat32());
      labels.push(...label!.toNumbers());
    }
    return { top1: topKAccuracy(scores, labels.length === 0 ? [0] : labels, 1), answers: argmax(scores, scores.length / labels.length) };
  } finally {
    await session.dispose();
  }
}

export interface ClassifierResult {
  readonly original: Model;
  readonly small: Model;
  readonly report: Report;
  readonly sample: Tensor;
  readonly before: Accuracy;
  readonly after: Accuracy;
}

export async function shrinkClassifier(runtime: Runtime, show: (event: RunEvent) => void): Promise<ClassifierResult> {
  const original = await loadModel(classifierPath);
  const test = await fashion("test-2000");
  const calibration = (await fashion("train-512")).batch(32).map(({ image }) => ({ image: image! }));
  const run = pipeline(simplify(), staticQuantize()).run(original, { data: calibration, runtime });
  for await (const event of run) show(event);
  const { model: small, report } = await run.result;
  const [first] = await test.batch(1).take(1).toArray();
  return { original, small, report, sample: first!["image"]!, before: await classify(original, test, runtime), after: await classify(small, test, runtime) };
}
