/** Rendered text lines for a recogniser. */
import { random as generator, Tensor } from "@lathe/core";
import { tensorData, type TrainingData } from "@lathe/train";
import { corpus, render, type Line } from "../../examples/demo/ocr.ts";

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

/** The first `width` pixels of every line (narrower ones are left out), float32 [N, 3, 48, width]: without labels a cut word does no harm. */
export function crops(lines: readonly Line[], width: number): TrainingData {
  const wide = lines.filter((line) => line.image.dims[3]! >= width);
  const all = new Float32Array(wide.length * 3 * 48 * width);
  wide.forEach(({ image }, i) => {
    const pixels = image.toFloat32();
    const across = image.dims[3]!;
    for (let row = 0; row < 3 * 48; row++) all.set(pixels.subarray(row * across, row * across + width), (i * 3 * 48 + row) * width);
  });
  return tensorData({ x: Tensor.from("float32", [wide.length, 3, 48, width], all) });
}
