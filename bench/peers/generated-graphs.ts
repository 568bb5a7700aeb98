/**
 * Writes the random graphs of packages/quantize/test/random with the options and ranges of each, for golden_generated.py.
 * Usage: node --conditions=@lathe/source --import tsx bench/peers/generated-graphs.ts FOLDER
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeModel } from "@lathe/core";
import { randomGraph } from "../../packages/quantize/test/random/graphs.ts";
import { randomRanges, randomRun } from "../../packages/quantize/test/random/runs.ts";

const COUNT = 260;
const folder = process.argv[2];
if (!folder) throw new Error("give a folder to write to");
mkdirSync(folder, { recursive: true });

/** The calibration cache of ONNX Runtime's tool. */
function cacheOf(ranges: ReturnType<typeof randomRanges>): unknown {
  const scalar = (value: number): unknown => ({ data: value, dtype: "float32", CLS: "numpy.array" });
  const data = Object.fromEntries([...ranges].map(([name, { min, max }]) => [name, { lowest: scalar(min), highest: scalar(max), CLS: "TensorData" }]));
  return { CLS: "TensorsData", data, calibration_method: { CLS: "CalibrationMethod", value: "CalibrationMethod.MinMax" }, smooth_quant: false };
}

for (let seed = 0; seed < COUNT; seed++) {
  const model = randomGraph(seed);
  writeFileSync(join(folder, `${seed}.onnx`), encodeModel(model));
  writeFileSync(join(folder, `${seed}.options.json`), JSON.stringify(randomRun(seed, model).theirs));
  writeFileSync(join(folder, `${seed}.ranges.json`), JSON.stringify(cacheOf(randomRanges(seed, model))));
}
