/** Rendered text lines in batches of one width, and what a recogniser makes of them. */
import { characterErrorRate, random as generator, Tensor, type Feeds, type Model, type Runtime } from "@lathe/core";
import type { TrainingData } from "@lathe/train";
import { corpus, decode, render, type Line } from "../../examples/demo/ocr.ts";

export interface Lines {
  /** Texts and drawings that nothing else sees. */
  readonly evaluation: readonly Line[];
  /** Drawn again with other faces, sizes and noise; their texts are never looked at. */
  readonly unlabelled: readonly Line[];
}

/** The first 100 lines of the corpus for evaluation; the rest, each drawn `drawings` times, without labels. */
export function ocrLines(drawings: number): Lines {
  const texts = corpus();
  const evaluation = texts.slice(0, 100).map((text, i) => render(text, 5000 + i));
  const rest = texts.slice(100);
  const unlabelled = Array.from({ length: drawings }, (_, k) => rest.map((text, i) => render(text, 10_000 * (k + 1) + i))).flat();
  return { evaluation, unlabelled: generator("lines").shuffle(unlabelled) };
}

/** Batches of up to `size` lines of one width; an example of the result is a whole batch. */
export function byWidth(lines: readonly Line[], size: number): TrainingData {
  const widths = new Map<number, Line[]>();
  for (const line of lines) widths.set(line.image.dims[3]!, [...(widths.get(line.image.dims[3]!) ?? []), line]);
  const batches: Feeds[] = [];
  for (const group of widths.values()) {
    for (let at = 0; at < group.length; at += size) batches.push({ x: stacked(group.slice(at, at + size).map((line) => line.image)) });
  }
  return { size: batches.length, batch: ([index]) => batches[index!]! };
}

function stacked(images: readonly Tensor[]): Tensor {
  const [, ...dims] = images[0]!.dims;
  const each = images[0]!.size;
  const all = new Float32Array(images.length * each);
  images.forEach((image, i) => all.set(image.toFloat32(), i * each));
  return Tensor.from("float32", [images.length, ...dims], all);
}

export interface Read {
  /** Wrong characters per true character. */
  readonly errorRate: number;
  /** Share of lines read without a mistake. */
  readonly exact: number;
}

export async function readLines(model: Model, lines: readonly Line[], runtime: Runtime): Promise<Read> {
  const session = await runtime.load(model);
  try {
    const texts: string[] = [];
    for (const { image } of lines) texts.push(decode(Object.values(await session.run({ x: image }))[0]!).trim());
    const truth = lines.map((line) => line.text);
    return { errorRate: characterErrorRate(texts, truth), exact: texts.filter((text, i) => text === truth[i]).length / truth.length };
  } finally {
    await session.dispose();
  }
}
