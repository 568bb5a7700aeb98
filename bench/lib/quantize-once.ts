/** One quantization as a process of its own, for bench/quantize-tool.ts: MODEL OUT SETTING SAMPLES.npz. Prints peak memory and processor time. */
import { readFile } from "node:fs/promises";
import { decodeNpz, type Feeds, type Tensor } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { quantizeDynamic, quantizeStatic } from "@lathe/quantize";

const [source, out, setting, npz] = process.argv.slice(2) as [string, string, string, string];
const model = await loadModel(source);
if (setting.startsWith("dynamic")) await saveModel(quantizeDynamic(model, { groupedConv: true }).model, out);
else {
  const method = setting === "static entropy" ? "entropy" : "minmax";
  const data = samplesOf(await decodeNpz(new Uint8Array(await readFile(npz))));
  const { model: made } = await quantizeStatic(model, { method }, { runtime: ortRuntime(), data });
  await saveModel(made, out);
}
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
console.log(JSON.stringify({ peakMb: maxRSS / 1024, cpuMs: (userCPUTime + systemCPUTime) / 1000 }));

/** Arrays named `<sample>/<input>`. */
function samplesOf(arrays: Readonly<Record<string, Tensor>>): Feeds[] {
  const samples: Record<string, Tensor>[] = [];
  for (const [key, tensor] of Object.entries(arrays)) {
    const at = key.indexOf("/");
    (samples[Number(key.slice(0, at))] ??= {})[key.slice(at + 1)] = tensor;
  }
  return samples;
}
