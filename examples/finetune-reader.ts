/**
 * A pretrained recogniser on worse pictures than it knows: PP-OCR's reader learns to read lines of very coarse pixels, with the CTC loss, from
 * texts alone: nobody says where a letter stands. Open it in any editor with cells, or run
 *   npx tsx examples/finetune-reader.ts
 * which takes about half a minute of processor time. LINES and EPOCHS in the environment change the size of the run.
 */
import { readFileSync } from "node:fs";
import { Tensor } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { adamW, characterErrors, cosine, ctc, evaluate, fit, tensorData, withInputShapes, type TrainingData } from "@lathe/train";
import { corpus, dictionaryPath, recognizerPath, render } from "./demo/ocr.ts";

const count = Number(process.env["LINES"] ?? 48);
const epochs = Number(process.env["EPOCHS"] ?? 3);
const runtime = ortRuntime();
const [height, width, longest, coarse] = [48, 256, 14, 5];

// %% Lines, seen through squares of 5 by 5 pixels; their letters as classes (0 is the blank).
const alphabet = ["", ...readFileSync(dictionaryPath, "utf8").split("\n").slice(0, 6623), " "];
const classOf = new Map(alphabet.map((letter, i) => [letter, i]));

function coarsened(source: ArrayLike<number>, drawn: number, c: number, y: number, x: number): number {
  const [top, left] = [y - (y % coarse), x - (x % coarse)];
  let [sum, seen] = [0, 0];
  for (let row = top; row < Math.min(height, top + coarse); row++) {
    for (let column = left; column < left + coarse; column++) {
      sum += source[(c * height + row) * drawn + Math.min(column, drawn - 1)]!;
      seen++;
    }
  }
  return sum / seen;
}

function pictures(from: number, lines: number): TrainingData {
  const texts = corpus().flatMap((line) => [line.slice(0, longest), line.slice(-longest)]).map((text) => text.trim());
  const images = new Float32Array(lines * 3 * height * width);
  const labels = new Array<number>(lines * longest).fill(0);
  const lengths: number[] = [];
  for (let n = 0; n < lines; n++) {
    const text = texts[(from + n) % texts.length]!;
    const { image } = render(text, 9000 + from + n);
    const source = image.toFloat32();
    for (let c = 0; c < 3; c++) for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) images[((n * 3 + c) * height + y) * width + x] = coarsened(source, image.dims[3]!, c, y, x);
    [...text].forEach((letter, i) => (labels[n * longest + i] = classOf.get(letter) ?? 0));
    lengths.push(text.length);
  }
  return tensorData({ x: Tensor.from("float32", [lines, 3, height, width], images), labels: Tensor.int64(labels, [lines, longest]), label_lengths: Tensor.int64(lengths) });
}
const [train, test] = [pictures(0, count), pictures(count, 24)];

// %% The loss reads what goes into the last Softmax.
const pretrained = withInputShapes(await loadModel(recognizerPath), { x: ["N", 3, height, width] });
const logits = pretrained.graph.outputs[0]!.producer!.input(0)!.name;
const errors = async (model: typeof pretrained): Promise<number> => (await evaluate(model, test, { runtime, metrics: [characterErrors()], batchSize: 8 }))["characterErrors"]!;
const before = await errors(pretrained);
const run = fit({ model: pretrained, data: train, loss: ctc({ logits }), batchNorm: "frozen", epochs, batchSize: 8, optimizer: adamW({ weightDecay: 0 }), schedule: cosine(5e-4), clipNorm: 5, runtime });
export const losses: number[] = [];
for await (const event of run) {
  if (event.type !== "step") continue;
  losses.push(event.loss);
  console.log(`step ${event.step}/${event.totalSteps}: loss ${event.loss.toFixed(3)}, ${(event.stepMs / 1000).toFixed(1)} s`);
}
export const characterErrorRate = { before, after: await errors((await run.result).model) };
console.table(characterErrorRate);
