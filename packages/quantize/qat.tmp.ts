import { readFileSync } from "node:fs";
import { Tensor, dataset, decodeModel, random } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { quantizeAware, quantizeStatic } from "@lathe/quantize";
import { adamW, cosine, combine, crossEntropy, distillation, trainer, fit } from "@lathe/train";
import { accuracy, images, labels } from "./test/fashion.ts";
const runtime = ortRuntime({ load: { threads: 1 } });
const model = decodeModel(readFileSync(new URL("../../fixtures/models/fashion-mobilenet.onnx", import.meta.url)));
const truth = labels("fashion-train-512");
const data = dataset(images("fashion-train-512", 32).map((b, i) => ({ ...b, labels: Tensor.int64(Array.from(truth.subarray(i * 32, i * 32 + 32))) })));
const N = 2000;
console.log("float", await accuracy(model, runtime, N));
for (const st of [{ weightType: "int4" as const }, { perChannel: false }, { weightType: "int4" as const, perChannel: false }]) {
  const s = await quantizeStatic(model, st, { runtime, data });
  console.log(JSON.stringify(st), "static", await accuracy(s.model, runtime, N));
  for (const learnScales of [true, false]) for (const [epochs, lr] of [[4, 1e-3], [8, 1e-3]] as const) {
    const t = performance.now();
    const q = await quantizeAware(model, { static: st, loss: combine([[0.1, crossEntropy()], [0.9, distillation({ temperature: 2 })]]), optimizer: adamW({ weightDecay: 0 }), schedule: cosine(lr), epochs, batchSize: 32, learnScales, observeEpochs: 1, seed: 1, teach: true }, { runtime, trainer: trainer({ runtime }), data });
    console.log(learnScales, epochs, lr, "qat", await accuracy(q.model, runtime, N), "fake", await accuracy(q.fakeQuantized, runtime, N, { config: { "session.disable_quant_qdq": "1" } }), q.history.map(h => h.loss.toFixed(4)).join(" "), ((performance.now() - t) / 1000).toFixed(1), "s");
  }
}
