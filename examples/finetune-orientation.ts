/**
 * A pretrained network on a new task: PP-OCR's text direction classifier, which tells upright lines from upside-down ones, learns to tell mirrored
 * ones too. Its last layer is replaced, all of it is trained, and then trained again for 8-bit integers. Open it in any editor with cells, or run
 *   npx tsx examples/finetune-orientation.ts
 * which takes about a minute. LINES and EPOCHS in the environment change the size of the run.
 */
import { dataset, pipeline, Tensor, type Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { quantizeAwareTraining, staticQuantize } from "@lathe/quantize";
import { adamW, cosine, evaluate, fit, replaceHead, tensorData, trainer, withInputShapes, type TrainingData } from "@lathe/train";
import { classifierPath, corpus, render } from "./demo/ocr.ts";

const count = Number(process.env["LINES"] ?? 64);
const epochs = Number(process.env["EPOCHS"] ?? 4);
const runtime = ortRuntime();
const [height, width] = [48, 192];

// %% Lines of text, each in four orientations: as written, upside down, mirrored, and both.
function pictures(from: number, lines: number): { data: TrainingData; images: Tensor; labels: Tensor } {
  const texts = corpus();
  const plane = height * width;
  const images = new Float32Array(lines * 4 * 3 * plane);
  const labels: number[] = [];
  for (let i = 0; i < lines; i++) {
    const { image } = render(texts[(from + i) % texts.length]!.slice(0, 12), 5000 + from + i);
    const source = image.toFloat32();
    const drawn = image.dims[3]!;
    for (let turn = 0; turn < 4; turn++) {
      const [down, across] = [turn === 1 || turn === 3, turn === 1 || turn === 2];
      for (let c = 0; c < 3; c++) {
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const [row, column] = [down ? height - 1 - y : y, across ? width - 1 - x : x];
            images[((i * 4 + turn) * 3 + c) * plane + y * width + x] = source[(c * height + row) * drawn + Math.min(column, drawn - 1)]!;
          }
        }
      }
      labels.push(turn);
    }
  }
  const made = { images: Tensor.from("float32", [lines * 4, 3, height, width], images), labels: Tensor.int64(labels) };
  return { ...made, data: tensorData({ x: made.images, labels: made.labels }) };
}
const [train, test] = [pictures(0, count), pictures(count, Math.max(8, count / 4))];

// %% The new head, and the whole network trained.
const pretrained = withInputShapes(await loadModel(classifierPath), { x: ["N", 3, height, width] });
const { model: newTask } = replaceHead(pretrained, { classes: 4 });
const top1 = async (model: Model): Promise<number> => (await evaluate(model, test.data, { runtime }))["accuracy"]!;
const run = fit({ model: newTask, data: train.data, epochs, batchSize: 16, optimizer: adamW(), schedule: cosine(2e-3), clipNorm: 1, runtime });
for await (const event of run) if (event.type === "epoch") console.log(`epoch ${event.epoch}: loss ${event.loss.toFixed(3)}, ${(event.elapsedMs / 1000).toFixed(0)} s`);
const tuned = (await run.result).model;

// %% Eight bits: as it is, and after learning to live with the rounding.
const labelled = dataset({ x: train.images, labels: train.labels }).batch(16);
const asItIs = await pipeline(staticQuantize()).run(tuned, { data: labelled, runtime }).result;
const aware = quantizeAwareTraining({ epochs: 1, batchSize: 16, learningRate: 2e-4, distill: { weight: 0.9, temperature: 2 } });
const learned = await pipeline(aware).run(tuned, { data: labelled, runtime, trainer: trainer({ runtime }) }).result;
export const orientations = { randomHead: await top1(newTask), tuned: await top1(tuned), int8: await top1(asItIs.model), int8Learned: await top1(learned.model) };
console.table(orientations);
