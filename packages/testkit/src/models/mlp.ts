import { tensorType, type Model } from "@lathe/core";
import { LayerBuilder } from "./builder.ts";

export interface TinyMlpOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Default 8. */
  readonly inputs?: number;
  /** Sizes of the hidden layers. Default [16, 16]. */
  readonly hidden?: readonly number[];
  /** Default 4. */
  readonly outputs?: number;
  /** Default 21. */
  readonly opset?: number;
}

/** x float32 [N, inputs] -> Gemm, Relu, ... -> y float32 [N, outputs]. */
export function tinyMlp({ seed = 0, inputs = 8, hidden = [16, 16], outputs = 4, opset = 21 }: TinyMlpOptions = {}): Model {
  const b = new LayerBuilder(seed, opset);
  let x = b.graph.addInput("x", tensorType("float32", ["N", inputs]));
  let width = inputs;
  for (const [i, size] of [...hidden, outputs].entries()) {
    x = b.node("Gemm", [x, b.weight("weight", [width, size], width), b.uniform("bias", [size], -0.1, 0.1)]);
    if (i < hidden.length) x = b.node("Relu", [x]);
    width = size;
  }
  return b.finish(x, "y");
}
