/** A training process for resume.test.ts: `resume-worker.ts CHECKPOINT RESULT`. Prints a line a step; writes the final weights. */
import { writeFileSync } from "node:fs";
import { Tensor, random } from "@lathe/core";
import { encodeTensors, fileCheckpoint, fit, lenet, tensorData } from "@lathe/train";

const [checkpoint = "", result = ""] = process.argv.slice(2);
const r = random("images");
const data = tensorData({
  input: Tensor.from("float32", [96, 1, 12, 12], Float32Array.from({ length: 96 * 144 }, () => r.normal())),
  labels: Tensor.int64(Array.from({ length: 96 }, () => r.int(10))),
});
const run = fit({
  model: lenet({ random: random("lenet").float, size: 12 }), data, epochs: 3, batchSize: 8, seed: 5, clipNorm: 1,
  checkpoint: { store: fileCheckpoint(checkpoint), everySteps: 2 },
  onEvent: (event) => void (event.type === "step" && process.stdout.write(`${event.step}\n`)),
});
const { weights } = await run.result;
writeFileSync(result, encodeTensors({ tensors: weights, metadata: {} }));
