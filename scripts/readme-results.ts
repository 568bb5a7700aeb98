/** Puts the main figures of bench/results/*.json into the README: `npx tsx scripts/readme-results.ts`. Every line names the script that measures it. */
import { readFileSync, writeFileSync } from "node:fs";

type Row = Readonly<Record<string, string | number>>;

const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(`../bench/results/${name}.json`, import.meta.url), "utf8")) as T;
const find = (rows: readonly Row[], key: string, value: string): Row => {
  const row = rows.find((r) => String(r[key]).startsWith(value));
  if (!row) throw new Error(`No row whose ${key} begins with "${value}".`);
  return row;
};
const times = (value: number | string): string => `${Number(value).toFixed(2)}x`;
const percent = (share: number | string): string => `${(100 * Number(share)).toFixed(2)} %`;

const speed = read<{ rows: Row[] }>("quantize-speed").rows;
const large = read<Record<string, number>>("large-weight-only");
const step = read<Row[]>("train-speed");
const mnist = read<{ accuracy: number; seconds: number }>("train-mnist");
const coverage = read<{ summary: Record<string, number> }>("prune-coverage").summary;
const gateway = read<{ queries: Record<string, number>; upload: { embedded: Record<string, number> } }>("gateway");

const [resnet, transformer] = [find(speed, "model", "resnet50-shaped"), find(speed, "model", "transformer")];
const [net, bert] = [find(step, "model", "ResNet-20"), find(step, "model", "BERT")];

const rows: readonly (readonly [string, string, string])[] = [
  ["int8 transformer, 12 layers of 384, one thread", `${times(transformer["speedup"]!)} as fast as float32 (best setting of ONNX Runtime's Python tool: ${times(transformer["peer speedup"]!)})`, "quantize-speed.ts"],
  ["int8 ResNet-50 shape, one thread", `${times(resnet["speedup"]!)} as fast as float32 (Python tool: ${times(resnet["peer speedup"]!)})`, "quantize-speed.ts"],
  [`float16 transformer of ${(large["bytesBefore"]! / 1e9).toFixed(2)} GB to 4 bit`, `${(large["bytesAfter"]! / 1e9).toFixed(2)} GB, peak memory ${large["peakMB"]} MB`, "large-weight-only.ts"],
  ["channels cut out of exported architectures", `${coverage["models"]} models at 30 and 60 %: ${coverage["proven"]} proven equal to zeroed slices, ${coverage["refused"]} refused by name, ${coverage["wrong"]} wrong`, "prune-coverage.ts"],
  ["training step beside PyTorch 2.13, two threads", `ResNet-20: ${times(net["ratio"]!)} of its time; BERT layer: ${times(bert["ratio"]!)}`, "train-speed.ts"],
  ["MNIST from nothing, two cores", `${percent(mnist.accuracy)} after ${mnist.seconds.toFixed(0)} s`, "train-mnist.ts"],
  ["gateway, stats queries while a job runs, two cores", `${Math.round(gateway.queries["perSecond"]!).toLocaleString("en")} a second, 99 % under ${gateway.queries["p99Ms"]!.toFixed(1)} ms`, "apps/gateway/bench/load.ts"],
  ["gateway, upload of 5 GB", `peak memory ${gateway.upload.embedded["memoryPeakMb"]} MB, database included`, "apps/gateway/bench/load.ts"],
];

const lines = [
  "<!-- results-table: written by scripts/readme-results.ts -->",
  "| | measured | by |",
  "| --- | --- | --- |",
  ...rows.map(([what, measured, by]) => `| ${what} | ${measured} | \`${by.includes("/") ? by : `bench/${by}`}\` |`),
  "<!-- /results-table -->",
];
const readme = new URL("../README.md", import.meta.url);
const before = readFileSync(readme, "utf8");
const after = before.replace(/<!-- results-table[^>]*-->(?:[\s\S]*?<!-- \/results-table -->)?/, lines.join("\n"));
if (after === before && !before.includes(lines[3]!)) throw new Error("README.md has no results-table marker.");
writeFileSync(readme, after);
