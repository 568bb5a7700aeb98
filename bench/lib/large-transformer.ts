/** A transformer of any size whose weights cost nothing to make and no memory to hold. */
import { Graph, Model, Tensor, dtypes, tensorType, type TensorStorage, type Value } from "@lathe/core";

const HIDDEN = 4096;
const MLP = 11008;
const VOCABULARY = 32000;

type FloatType = "float16" | "float32";

/** One block of weights again and again: content that costs nothing to make and no memory to hold. */
function repeated(dtype: FloatType, byteLength: number): TensorStorage & { chunks(size: number): Iterable<Uint8Array> } {
  const block = Tensor.from(dtype, [1 << 20], Float32Array.from({ length: 1 << 20 }, (_, i) => Math.sin(i * 12.9898) * 0.05)).bytes();
  function* chunks(): Generator<Uint8Array> {
    for (let at = 0; at < byteLength; at += block.byteLength) yield block.subarray(0, Math.min(block.byteLength, byteLength - at));
  }
  return { kind: "lazy", byteLength, chunks, bytes: () => Buffer.concat([...chunks()]) };
}

/** Embedding, layers of mixing in place of attention and gated MLP products in Llama's shapes, head. */
export function largeTransformer(bytes: number, dtype: FloatType): Model {
  const width = dtypes[dtype].bits / 8;
  const g = new Graph("transformer");
  const weight = (name: string, k: number, n: number): Value => g.addInitializer(name, new Tensor(dtype, [k, n], repeated(dtype, k * n * width)));
  const product = (x: Value, name: string, k: number, n: number): Value => g.add({ opType: "MatMul", name, inputs: [x, weight(`${name}.weight`, k, n)] }).out;
  const ids = g.addInput("ids", tensorType("int64", ["N", "T"]));
  let x = g.add({ opType: "Gather", name: "embed", inputs: [weight("embed.weight", VOCABULARY, HIDDEN), ids] }).out;
  const perLayer = width * (4 * HIDDEN * HIDDEN + 3 * HIDDEN * MLP);
  const layers = Math.max(1, Math.ceil((bytes - 2 * width * VOCABULARY * HIDDEN) / perLayer));
  for (let i = 0; i < layers; i++) {
    const q = ["q", "k", "v"].map((part) => product(x, `layer${i}.${part}`, HIDDEN, HIDDEN));
    const mixed = g.add({ opType: "Sum", inputs: q }).out;
    x = g.add({ opType: "Add", inputs: [x, product(mixed, `layer${i}.o`, HIDDEN, HIDDEN)] }).out;
    const gate = g.add({ opType: "Sigmoid", inputs: [product(x, `layer${i}.gate`, HIDDEN, MLP)] }).out;
    const inner = g.add({ opType: "Mul", inputs: [gate, product(x, `layer${i}.up`, HIDDEN, MLP)] }).out;
    x = g.add({ opType: "Add", inputs: [x, product(inner, `layer${i}.down`, MLP, HIDDEN)] }).out;
  }
  const flat = g.add({ opType: "Identity", inputs: [x] }).out;
  const logits = product(flat, "head", HIDDEN, VOCABULARY);
  logits.name = "logits";
  g.addOutput(logits);
  logits.type = tensorType(dtype, ["N", "T", VOCABULARY]);
  return new Model({ graph: g, opset: 21 });
}

