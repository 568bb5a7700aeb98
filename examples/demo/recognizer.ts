/** The main job on the PP-OCRv4 text recogniser: simplify, up-convert, quantize with calibration, compare on real text. */
import { characterErrorRate, dataset, pipeline, simplify, type Model, type Report, type RunEvent, type Runtime } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { staticQuantize } from "@lathe/quantize";
import { decode, lines, recognizerPath, type Line } from "./ocr.ts";

export interface Read {
  /** Wrong characters per true character. */
  readonly errorRate: number;
  /** Share of lines read without a mistake. */
  readonly exact: number;
}

/** Reads all lines with a model and compares with the truth. Blanks at the ends do not count. */
export async function read(model: Model, all: readonly Line[], runtime: Runtime): Promise<Read> {
  const session = await runtime.load(model);
  try {
    const texts: string[] = [];
    for (const { image } of all) {
      const [probabilities] = Object.values(await session.run({ x: image }));
      texts.push(decode(probabilities!).trim());
    }
    const truth = all.map((line) => line.text);
    return { errorRate: characterErrorRate(texts, truth), exact: texts.filter((text, i) => text === truth[i]).length / truth.length };
  } finally {
    await session.dispose();
  }
}

export interface RecognizerResult {
  readonly original: Model;
  readonly small: Model;
  readonly report: Report;
  readonly sample: Line;
  readonly before: Read;
  readonly after: Read;
  /** The same with one scale for a whole weight tensor: what goes wrong without per-channel weights. */
  readonly perTensor: Read;
}

export async function shrinkRecognizer(runtime: Runtime, show: (event: RunEvent) => void): Promise<RecognizerResult> {
  const original = await loadModel(recognizerPath);
  const { calibration, evaluation } = lines(16, 100);
  const data = dataset(calibration.map(({ image }) => ({ x: image })));
  // Sizes of the symbolic batch and width, for the work and memory in the report.
  const bindings = { "p2o.DynamicDimension.0": 1, "p2o.DynamicDimension.1": 320 };
  const shrink = async (perChannel: boolean): Promise<{ model: Model; report: Report }> => {
    const run = pipeline(simplify(), staticQuantize({ perChannel, method: "percentile" })).run(original, { data, runtime, bindings });
    for await (const event of run) show(event);
    return run.result;
  };
  const { model: small, report } = await shrink(true);
  const { model: coarse } = await shrink(false);
  return {
    original, small, report, sample: evaluation[0]!,
    before: await read(original, evaluation, runtime),
    after: await read(small, evaluation, runtime),
    perTensor: await read(coarse, evaluation, runtime),
  };
}
