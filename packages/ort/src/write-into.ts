/**
 * Results written into tensors that the caller gives. onnxruntime-node 1.30 hands buffers for outputs to ONNX Runtime, which fills them, and
 * then copies every output into a new buffer all the same. It converts outputs in their order and stops with an error at the first that is
 * a sequence: with one in front, nothing is copied. Whether an engine behaves so is tried out on a small model, once; elsewhere results are
 * fetched as ever. A binding that hands on what it was given, or knows sequences, is served as well: then there is no error.
 */
import { Model, Tensor, tensorType } from "@lathe/core";
import { openEngine, type OrtModule } from "./engine/engine.ts";
import { rawModel } from "./source.ts";
import { fromRaw, toRaw } from "./tensors.ts";

/** Name of the sequence among the outputs. */
export const STOPPER = "lathe/stopper";

const tried = new WeakMap<OrtModule, Promise<boolean>>();

/** True when results can be written into given buffers. */
export function canWriteInto(ort: OrtModule): Promise<boolean> {
  const known = tried.get(ort) ?? attempt(ort).catch(() => false);
  tried.set(ort, known);
  return known;
}

async function attempt(ort: OrtModule): Promise<boolean> {
  const model = new Model({ opset: 13, irVersion: 8 });
  const x = model.graph.addInput("x", tensorType("float32", [2]));
  const y = model.graph.add({ opType: "Neg", inputs: [x], outputs: ["y"] }).out;
  y.type = tensorType("float32", [2]);
  model.graph.addOutput(y);
  const engine = await openEngine(ort, rawModel(model, STOPPER), { logSeverityLevel: 4 }, STOPPER);
  try {
    const into = toRaw({ y: Tensor.from("float32", [2], [0, 0]) });
    const { y: made } = await engine.run(toRaw({ x: Tensor.from("float32", [2], [1, 2]) }), ["y"], into);
    const [a, b] = fromRaw(into)["y"]!.toFloat32();
    return made?.data === into["y"]!.data && a === -1 && b === -2;
  } finally {
    await engine.dispose();
  }
}
