/** Resident memory of training: the estimate that fit gives beside what the process takes. npx tsx --conditions=@lathe/source bench/train-memory.ts */
import { Tensor, random } from "@lathe/core";
import { adamW, fit, resnet18, sgd, tensorData, type Optimizer } from "@lathe/train";

const model = resnet18({ random: random("resnet18").float, size: 64, classes: 100 });
const r = random("data");
const data = tensorData({ input: Tensor.from("float32", [32, 3, 64, 64], Float32Array.from({ length: 32 * 3 * 4096 }, () => r.normal())), labels: Tensor.int64(Array.from({ length: 32 }, () => r.int(100))) });
const mb = (bytes: number): number => Math.round(bytes / 2 ** 20);
const optimizers: Readonly<Record<string, Optimizer>> = { momentum: sgd({ momentum: 0.9 }), adamw: adamW() };

for (const [name, optimizer] of Object.entries(optimizers)) {
  const before = process.memoryUsage().rss;
  let [estimate, peak] = [0, 0];
  const times: number[] = [];
  await fit({ model, data, optimizer, epochs: 2, batchSize: 8, onEvent: (event) => {
    if (event.type === "start") estimate = event.memoryBytes;
    if (event.type === "step") {
      peak = Math.max(peak, process.memoryUsage().rss);
      times.push(event.stepMs);
    }
  } }).result;
  console.log(`resnet18, 11.2 million parameters, ${name}: estimated ${mb(estimate)} MB, resident ${mb(peak)} MB of which ${mb(before)} MB before; fastest step ${Math.round(Math.min(...times))} ms`);
}
