/** Inputs for the real models: sizes that they are used with, and content that is not degenerate. */
import { Tensor, type Model } from "@lathe/core";
import { random } from "./build.ts";

const shapes: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  "fashion-mobilenet": { image: [4, 1, 28, 28] },
  "fashion-vit": { image: [4, 1, 28, 28] },
  "mnist-lenet": { image: [4, 1, 28, 28] },
  "ch_PP-OCRv4_rec": { x: [2, 3, 48, 160] },
  "ch_PP-OCRv4_det": { x: [1, 3, 160, 224] },
  "ch_ppocr_mobile_v2.0_cls": { x: [2, 3, 48, 192] },
  silero_vad_legacy: { input: [1, 512], h: [2, 1, 64], c: [2, 1, 64] },
  silero_vad_v: { input: [1, 512], state: [2, 1, 128] },
};

/** Feeds for a model by its file name. Images are in [-1, 1), pixels in [0, 1), sound is a sweep; `sr` is 16 kHz unless given. */
export function realFeeds(file: string, model: Model, sampleRate = 16000): Record<string, Tensor> {
  const known = Object.entries(shapes).find(([prefix]) => file.startsWith(prefix))?.[1] ?? {};
  const next = random(11);
  const feeds: Record<string, Tensor> = {};
  for (const { name, tensor, shape } of model.graph.inputs) {
    if (tensor) continue;
    if (name === "sr") {
      feeds[name] = Tensor.scalar("int64", sampleRate);
      continue;
    }
    const given = known[name] ?? (shape ?? []).map((d) => (typeof d === "number" ? d : 1));
    // Versions 5 and 6 of Silero VAD take windows of 32 ms.
    const dims = name === "input" && file.startsWith("silero_vad_v") && sampleRate === 8000 ? [1, 256] : given;
    const size = dims.reduce((p, d) => p * d, 1);
    const [low, span] = name === "image" ? [0, 1] : name.startsWith("input_image") ? [0, 255] : [-1, 2];
    const content = (i: number): number => (name === "input" ? sound(i / sampleRate) : name === "x" ? page(i, dims) : low + span * next());
    feeds[name] = Tensor.from("float32", dims, Float32Array.from({ length: size }, (_, i) => content(i)));
  }
  return feeds;
}

/** Something like a vowel: harmonics of 140 Hz. */
const sound = (t: number): number => [1, 0.8, 0.5, 0.4, 0.2].reduce((sum, a, k) => sum + 0.2 * a * Math.sin(2 * Math.PI * 140 * (k + 1) * t), 0);

/** Something like lines of text: dark bars on white paper. */
function page(i: number, dims: readonly number[]): number {
  const [x, y] = [i % dims[3]!, Math.floor(i / dims[3]!) % dims[2]!];
  const line = y % 40 > 12 && y % 40 < 32;
  const letter = Math.sin(x * 0.9) + Math.sin(x * 0.37 + y * 0.3) > 0.4;
  return line && x > 12 && x < dims[3]! - 12 && letter ? -0.9 : 1;
}
