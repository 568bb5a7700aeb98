/** Matrix products: small ones in place, large ones by the engine at hand, whose kernels are many times faster. */
import { Model, Tensor, tensorType, type Runtime, type Session } from "@lathe/core";

/** Multiply-adds below which a call of the engine costs more than it saves. */
const SMALL = 2 ** 19;

export class Products {
  readonly #runtime: Runtime;
  #session: Promise<Session> | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** a [m, k] times b [k, n], row-major; large ones in float32. */
  multiply(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array | Promise<Float64Array> {
    return m * k * n < SMALL ? small(a, b, m, k, n) : this.#large(Float32Array.from(a), Float32Array.from(b), m, k, n);
  }

  /** A product with one right side again and again. */
  by(b: Float64Array, k: number, n: number): (a: Float64Array) => Float64Array | Promise<Float64Array> {
    let single: Float32Array | undefined;
    return (a) => (a.length * n < SMALL ? small(a, b, a.length / k, k, n) : this.#large(Float32Array.from(a), (single ??= Float32Array.from(b)), a.length / k, k, n));
  }

  async #large(a: Float32Array, b: Float32Array, m: number, k: number, n: number): Promise<Float64Array> {
    this.#session ??= this.#runtime.load(productModel());
    const { y } = await (await this.#session).run({ a: Tensor.from("float32", [m, k], a), b: Tensor.from("float32", [k, n], b) });
    return Float64Array.from(y!.toFloat32());
  }

  async dispose(): Promise<void> {
    await (await this.#session?.catch(() => undefined))?.dispose();
  }
}

function productModel(): Model {
  const model = new Model({ opset: 13, irVersion: 7 });
  const { graph } = model;
  const inputs = [graph.addInput("a", tensorType("float32", ["M", "K"])), graph.addInput("b", tensorType("float32", ["K", "N"]))];
  const { out } = graph.add({ opType: "MatMul", inputs, outputs: ["y"] });
  out.type = tensorType("float32", ["M", "N"]);
  graph.addOutput(out);
  return model;
}

function small(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      const x = a[i * k + l]!;
      if (x === 0) continue;
      for (let j = 0, p = i * n, q = l * n; j < n; j++, p++, q++) out[p]! += x * b[q]!;
    }
  }
  return out;
}
