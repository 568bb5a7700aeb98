import { dtypes, elementCount, random, Tensor, type Dim, type DType, type Model, type Random, type Session, type SessionValue, type Shape } from "@lathe/core";
import { ortErrors } from "./errors.ts";

export interface RandomFeedsOptions {
  /** Default 0. The same seed gives the same tensors. */
  readonly seed?: number;
  /** Sizes of symbolic dimensions, by symbol. */
  readonly bindings?: Readonly<Record<string, number>>;
  /** Size of symbolic dimensions that are not bound, and of unknown ones. Default 1. */
  readonly unbound?: number;
  /** Whole shapes by input name, where symbols do not say enough. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Range of values by input name: [least, greatest]. Default: floats -1..1, integers 0..3, so that they can be indices or lengths. */
  readonly ranges?: Readonly<Record<string, readonly [number, number]>>;
}

/**
 * Random inputs for a model. Inputs with a default are left out.
 * @throws ORT_OPTION for an input without a rank or dtype, or one that is not a tensor.
 */
export function randomFeeds(model: Model | Session, options: RandomFeedsOptions = {}): Record<string, Tensor> {
  const root = random(options.seed ?? 0);
  const feeds: Record<string, Tensor> = {};
  for (const input of inputsOf(model)) {
    const { name, dtype } = input;
    if (!dtype) throw ortErrors.ORT_OPTION({ option: "model", expected: `a tensor type for input "${name}"`, received: "none" });
    const dims = options.shapes?.[name] ?? bind(input, options);
    // Each input has a stream of its own: adding one leaves the others as they were.
    feeds[name] = randomTensor(dtype, dims, root.fork(name), options.ranges?.[name]);
  }
  return feeds;
}

function inputsOf(model: Model | Session): readonly SessionValue[] {
  if (!("graph" in model)) return model.inputs;
  return model.graph.inputs.filter((input) => !input.tensor);
}

function bind({ name, shape }: SessionValue, { bindings = {}, unbound = 1 }: RandomFeedsOptions): number[] {
  if (!shape) throw ortErrors.ORT_OPTION({ option: "shapes", expected: `a shape for input "${name}", whose rank is unknown`, received: "none" });
  const size = (d: Dim): number => (typeof d === "number" ? d : (d !== null && Object.hasOwn(bindings, d) ? bindings[d]! : unbound));
  return (shape satisfies Shape).map(size);
}

/** Values drawn evenly from the range; float16 and smaller are rounded to what they can hold. */
export function randomTensor(dtype: DType, dims: readonly number[], rng: Random, range?: readonly [number, number]): Tensor {
  const { kind } = dtypes[dtype];
  const count = elementCount(dims);
  if (kind === "string") return Tensor.fromStrings(dims, Array.from({ length: count }, () => `text ${rng.int(10)}`));
  const whole = kind === "int" || kind === "uint" || kind === "bool";
  const [least, greatest] = range ?? (kind === "bool" ? [0, 1] : whole ? [0, 3] : [-1, 1]);
  const draw = (): number => (whole ? Math.floor(least + rng.float() * (greatest - least + 1)) : least + rng.float() * (greatest - least));
  const values = Float64Array.from({ length: count * (kind === "complex" ? 2 : 1) }, draw);
  if (kind === "complex") return Tensor.fromBytes(dtype, dims, new Uint8Array((dtype === "complex64" ? Float32Array.from(values) : values).buffer));
  return Tensor.from(dtype, dims, Array.from(values));
}
