/** `npm run demo`: two real pretrained models go in, smaller and faster ones come out, checked on real tasks. Writes demo-output/. */
import { mkdir } from "node:fs/promises";
import type { Feeds, Model, Report, RunEvent, Runtime } from "@lathe/core";
import { saveModel, writeFiles } from "@lathe/core/node";
import { benchmark, ortRuntime, type Benchmark } from "@lathe/ort";
import { shrinkClassifier } from "./classifier.ts";
import { shrinkRecognizer, type Read } from "./recognizer.ts";

const output = new URL("../../demo-output/", import.meta.url);
const started = performance.now();
const runtime: Runtime = ortRuntime();
await mkdir(output, { recursive: true });

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One line that is rewritten on a terminal. */
function show(event: RunEvent): void {
  if (event.type !== "progress" || !process.stderr.isTTY) return;
  const share = event.fraction === undefined ? "" : ` ${Math.round(event.fraction * 100)} %`;
  process.stderr.write(`\r\u001b[2K  ${event.step.name}${share} ${event.message ?? ""}`);
}

const clearLine = (): void => void (process.stderr.isTTY && process.stderr.write("\r\u001b[2K"));

/** Interleaved timing on one thread, where the figures are steadiest. */
const time = (original: Model, small: Model, feeds: Feeds): Promise<Benchmark> => benchmark({ float32: original, int8: small }, feeds, { threads: 1, rounds: 15, runtime });

async function finish(name: string, small: Model, report: Report): Promise<void> {
  const text = (content: string) => async (file: { write: (parts: Uint8Array[]) => Promise<void> }): Promise<void> => file.write([new TextEncoder().encode(content)]);
  await saveModel(small, new URL(`${name}-int8.onnx`, output));
  await writeFiles([
    { path: new URL(`${name}.html`, output).pathname, write: text(report.toHtml()) },
    { path: new URL(`${name}.json`, output).pathname, write: text(JSON.stringify(report, undefined, 2)) },
  ]);
  clearLine();
  say(report.toText({ color: process.stdout.isTTY === true && !process.env["NO_COLOR"] }));
  say(`\nwrote demo-output/${name}-int8.onnx and demo-output/${name}.html\n`);
}

say("PP-OCRv4 text recogniser (pretrained, opset 9): simplify, convert, quantize with 16 calibration lines\n");
const ocr = await shrinkRecognizer(runtime, show);
const ocrTimes = await time(ocr.original, ocr.small, { x: ocr.sample.image });
const score = ({ errorRate, exact }: Read): Record<string, number> => ({ "character error rate": errorRate, "lines read exactly": exact });
await finish("recogniser", ocr.small, ocr.report.with({
  title: "PP-OCRv4 text recogniser to int8",
  benchmark: ocrTimes,
  accuracy: [
    { name: "float32", scores: score(ocr.before), samples: 100 },
    { name: "int8", scores: score(ocr.after), samples: 100 },
    { name: "int8, one scale a tensor", scores: score(ocr.perTensor), samples: 100 },
  ],
  notes: ["The last row of the accuracy table shows what happens with one scale for a whole weight tensor: channels of this model differ 38-fold in range. Lathe's default is one scale per output channel."],
}));

say("Fashion-MNIST classifier (depthwise CNN): simplify, quantize with 512 calibration images\n");
const image = await shrinkClassifier(runtime, show);
const imageTimes = await time(image.original, image.small, { image: image.sample });
const agree = image.before.answers.filter((answer, i) => answer === image.after.answers[i]).length / image.before.answers.length;
await finish("classifier", image.small, image.report.with({
  title: "Fashion-MNIST classifier to int8",
  benchmark: imageTimes,
  accuracy: [
    { name: "float32", scores: { "top-1": image.before.top1 }, samples: 2000 },
    { name: "int8", scores: { "top-1": image.after.top1, "same answer as float32": agree }, samples: 2000 },
  ],
}));

const row = (name: string, { data }: Report, times: Benchmark, accuracy: string): object => ({
  name, bytesBefore: data.before.bytes, bytesAfter: data.after.bytes, msBefore: times.timings[0]!.median, msAfter: times.timings[1]!.median, speedup: times.timings[1]!.speedup, accuracy,
});
const summary = {
  machine: imageTimes.machine,
  rows: [
    row("PP-OCRv4 text recogniser (pretrained)", ocr.report, ocrTimes, `character error rate ${percent(ocr.before.errorRate)} → ${percent(ocr.after.errorRate)} on 100 rendered lines (${percent(ocr.perTensor.errorRate)} with one scale a tensor)`),
    row("Fashion-MNIST classifier (depthwise CNN)", image.report, imageTimes, `top-1 ${percent(image.before.top1)} → ${percent(image.after.top1)} on 2,000 test images`),
  ],
};
await writeFiles([{ path: new URL("summary.json", output).pathname, write: async (file) => file.write([new TextEncoder().encode(JSON.stringify(summary, undefined, 2))]) }]);

const speed = (b: Benchmark): string => `${b.timings[1]!.speedup.toFixed(2)}x`;
const ratio = ({ before, after }: Report["data"]): string => `${(before.bytes / after.bytes).toFixed(2)}x`;
say("                smaller   faster   accuracy");
say(`recogniser      ${ratio(ocr.report.data).padEnd(9)} ${speed(ocrTimes).padEnd(8)} character error rate ${percent(ocr.before.errorRate)} -> ${percent(ocr.after.errorRate)} (one scale a tensor: ${percent(ocr.perTensor.errorRate)})`);
say(`classifier      ${ratio(image.report.data).padEnd(9)} ${speed(imageTimes).padEnd(8)} top-1 ${percent(image.before.top1)} -> ${percent(image.after.top1)}, same answers ${percent(agree)}`);
say(`\ndone in ${((performance.now() - started) / 1000).toFixed(0)} s; open demo-output/recogniser.html`);
