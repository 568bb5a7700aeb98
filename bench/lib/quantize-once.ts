/** One quantization as a process of its own, for bench/quantize-tool.ts: MODEL OUT SETTING [SAMPLES.npz [COUNT]]. Setting "nothing" imports and ends. */
import { readFile } from "node:fs/promises";
import { decodeNpz, type Feeds, type Tensor } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { quantizeDynamic, quantizeStatic, quantizeWeightsOf, type StaticOptionsInput } from "@lathe/quantize";

const [source, out, setting, npz, count] = process.argv.slice(2) as [string, string, string, string, string | undefined];

/** As the settings of the peer in bench/peers/quantize.py; its entropy method starts from 128 bins unless patched. */
const statics: Readonly<Record<string, StaticOptionsInput>> = {
  "static u8s8 per channel": { method: "minmax" },
  "static entropy": { method: "entropy", bins: 128 },
  "static entropy, searched": { method: "entropy", bins: 2048 },
  "static percentile": { method: "percentile" },
};

if (setting === "dynamic s8") await saveModel(quantizeDynamic(await loadModel(source), { groupedConv: true }).model, out);
else if (setting === "weights q4") await saveModel((await quantizeWeightsOf(await loadModel(source), { bits: 4 })).model, out);
else if (setting !== "nothing") {
  const data = samplesOf(await decodeNpz(new Uint8Array(await readFile(npz))));
  const samples = Number(count ?? data.length);
  const { model } = await quantizeStatic(await loadModel(source), { ...statics[setting]!, samples }, { runtime: ortRuntime(), data: again(data, samples) });
  await saveModel(model, out);
}

/** The samples over and over, `count` in all. */
function* again(data: readonly Feeds[], count: number): Generator<Feeds> {
  for (let i = 0; i < count; i++) yield data[i % data.length]!;
}

/** Arrays named `<sample>/<input>`. */
function samplesOf(arrays: Readonly<Record<string, Tensor>>): Feeds[] {
  const samples: Record<string, Tensor>[] = [];
  for (const [key, tensor] of Object.entries(arrays)) {
    const at = key.indexOf("/");
    (samples[Number(key.slice(0, at))] ??= {})[key.slice(at + 1)] = tensor;
  }
  return samples;
}
