/**
 * Train, fine-tune and train for 4-bit weights, in Node. Run it: npx tsx --conditions=@lathe/source examples/train-fashion.ts
 * Uses 512 labelled pictures of clothes that come with the repository.
 */
import { Tensor, dataset, pipeline, random } from "@lathe/core";
import { loadModel, readIdx } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { quantizeAwareTraining, staticQuantize } from "@lathe/quantize";
import { accuracy, compose, cosine, evaluate, fit, flip, lenet, replaceHead, shift, tensorData, trainer, type TrainingData } from "@lathe/train";

const epochs = Number(process.env["EPOCHS"] ?? 12);
const runtime = ortRuntime();
const path = (file: string): string => new URL(`../fixtures/data/${file}-ubyte.gz`, import.meta.url).pathname;

// %% Pictures as float32 [N, 1, 28, 28] in [0, 1], labels as int64 [N].
async function pictures(part: string, input: string, relabel = (label: number): number => label): Promise<{ images: Tensor; labels: Tensor; data: TrainingData }> {
  const pixels = await readIdx(path(`fashion-${part}-images-idx3`));
  const images = Tensor.from("float32", [pixels.dims[0]!, 1, 28, 28], pixels.toFloat32().map((p) => p / 255));
  const labels = Tensor.int64((await readIdx(path(`fashion-${part}-labels-idx1`))).toNumbers().map(relabel));
  return { images, labels, data: tensorData({ [input]: images, labels }) };
}
const train = await pictures("train-512", "input");
const test = await pictures("test-2000", "input");

// %% From scratch: LeNet, augmented, with a curve to look at.
const run = fit({
  model: lenet({ random: random("lenet").float }),
  data: tensorData({ input: train.images, labels: train.labels }, compose(flip(), shift(2))),
  epochs, batchSize: 32, schedule: cosine(2e-3), validate: { data: test.data, metrics: [accuracy(), accuracy({ k: 3 })] }, runtime,
});
for await (const event of run) {
  if (event.type !== "epoch") continue;
  const bar = "#".repeat(Math.round(40 * event.scores["accuracy"]!));
  console.log(`epoch ${String(event.epoch).padStart(2)}  loss ${event.loss.toFixed(3)}  ${bar} ${event.scores["accuracy"]!.toFixed(3)}${event.best ? " *" : ""}`);
}
export const scratch = (await run.result).history;

// %% A trained network on a new task: is it worn above the waist, on the feet, or neither? The last layer is replaced and trained alone.
const kind = (label: number): number => ([0, 2, 3, 4, 6].includes(label) ? 0 : [5, 7, 9].includes(label) ? 1 : 2);
const pretrained = await loadModel(new URL("../fixtures/models/fashion-mobilenet.onnx", import.meta.url));
const { model: newTask, head } = replaceHead(pretrained, { classes: 3 });
const threeWays = await pictures("test-2000", "image", kind);
const before = (await evaluate(newTask, threeWays.data, { runtime }))["accuracy"]!;
const tuned = await fit({ model: newTask, data: (await pictures("train-512", "image", kind)).data, trainable: (name) => head.includes(name), epochs: 4, schedule: 5e-3, runtime }).result;
const after = (await evaluate(tuned.model, threeWays.data, { runtime }))["accuracy"]!;
console.log(`three kinds of clothes: ${before.toFixed(3)} with a random head, ${after.toFixed(3)} after training ${head.join(" and ")}`);
export const headAccuracy = { before, after };

// %% 4-bit weights: quantized as it is, and after learning to live with the rounding.
const labelled = dataset({ image: train.images, labels: train.labels }).batch(32);
const judge = await pictures("test-2000", "image");
const top1 = async (model: typeof pretrained): Promise<number> => (await evaluate(model, judge.data, { runtime }))["accuracy"]!;
const asItIs = await pipeline(staticQuantize({ weightType: "int4" })).run(pretrained, { data: labelled, runtime }).result;
const aware = quantizeAwareTraining({ epochs: 2, learningRate: 1e-3, static: { weightType: "int4" }, distill: { weight: 0.9, temperature: 2 } });
const learned = await pipeline(aware).run(pretrained, { data: labelled, runtime, trainer: trainer({ runtime }) }).result;
export const fourBits = { float: await top1(pretrained), asItIs: await top1(asItIs.model), learned: await top1(learned.model) };
console.table(fourBits);
