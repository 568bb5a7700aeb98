/** Fits samples to the inputs of a model. */
import { dtypes, type DType } from "../dtype.ts";
import type { Model } from "../ir/model.ts";
import type { Shape } from "../ir/type.ts";
import type { Feeds } from "../runtime.ts";
import { nearestName } from "../technique/suggest.ts";
import type { Tensor } from "../tensor.ts";
import type { Dataset, Sample } from "./dataset.ts";
import { dataErrors } from "./errors.ts";

/** An input as a model or a session describes it. `tensor` is there when it may be left out. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: DType | undefined;
  readonly shape: Shape | undefined;
  readonly tensor?: Tensor | undefined;
}

const inputsOf = (target: Model | readonly InputSpec[]): readonly InputSpec[] => ("graph" in target ? target.graph.inputs : target);

/**
 * The tensors of a sample that a model takes, checked.
 * @throws INPUT_MISSING, INPUT_DTYPE, INPUT_SHAPE, INPUT_SYMBOL, each with the remedy.
 */
export function feedsOf(target: Model | readonly InputSpec[], sample: Sample): Feeds {
  const feeds: Record<string, Tensor> = {};
  const symbols = new Map<string, { readonly input: string; readonly size: number }>();
  for (const input of inputsOf(target)) {
    const tensor = Object.hasOwn(sample, input.name) ? sample[input.name] : undefined;
    if (tensor) {
      checkInput(input, tensor, symbols);
      feeds[input.name] = tensor;
    } else if (!input.tensor) {
      const known = Object.keys(sample);
      throw dataErrors.INPUT_MISSING({ input: input.name, known, meant: nearestName(input.name, known) ?? (known.length === 1 ? known[0] : undefined) });
    }
  }
  return feeds;
}

/** The tensors of a sample that a model does not take: labels and metadata. */
export function labelsOf(target: Model | readonly InputSpec[], sample: Sample): Sample {
  const inputs = new Set(inputsOf(target).map((input) => input.name));
  return Object.fromEntries(Object.entries(sample).filter(([name]) => !inputs.has(name)));
}

function checkInput({ name, dtype, shape }: InputSpec, tensor: Tensor, symbols: Map<string, { readonly input: string; readonly size: number }>): void {
  if (dtype !== undefined && tensor.dtype !== dtype) throw dataErrors.INPUT_DTYPE({ input: name, expected: dtype, received: tensor.dtype });
  if (shape === undefined) return;
  const fits = shape.length === tensor.dims.length && shape.every((d, axis) => typeof d !== "number" || d === tensor.dims[axis]);
  if (!fits) throw dataErrors.INPUT_SHAPE({ input: name, expected: shape, received: tensor.dims });
  for (const [axis, symbol] of shape.entries()) {
    if (typeof symbol !== "string") continue;
    const size = tensor.dims[axis]!;
    const known = symbols.get(symbol);
    if (!known) symbols.set(symbol, { input: name, size });
    else if (known.size !== size) throw dataErrors.INPUT_SYMBOL({ symbol, input: name, size, other: known.input, otherSize: known.size });
  }
}

/** @throws NOT_FINITE naming the first NaN or infinity of a floating-point tensor. `where` completes the sentence: "of sample 3". */
export function checkFinite(name: string, tensor: Tensor, where = ""): void {
  if (dtypes[tensor.dtype].kind !== "float") return;
  const values = tensor.dtype === "float64" ? tensor.toFloat64() : tensor.toFloat32();
  const at = values.findIndex((v) => !Number.isFinite(v));
  if (at < 0) return;
  const index: number[] = [];
  let rest = at;
  for (const d of tensor.dims.toReversed()) {
    index.unshift(rest % d);
    rest = Math.floor(rest / d);
  }
  throw dataErrors.NOT_FINITE({ name, value: values[at]!, index, where });
}

/** The same samples, each checked by {@link checkFinite}. */
export const finiteSamples = (data: Dataset): Dataset =>
  data.map((sample, i) => {
    for (const [name, tensor] of Object.entries(sample)) checkFinite(name, tensor, `of sample ${i}`);
    return sample;
  });

/** The samples, or EMPTY_DATASET at the end when there was none. `purpose` completes the sentence: "calibration". */
export async function* nonEmpty(data: AsyncIterable<Sample>, purpose: string): AsyncGenerator<Sample> {
  let any = false;
  for await (const sample of data) {
    any = true;
    yield sample;
  }
  if (!any) throw dataErrors.EMPTY_DATASET({ purpose });
}
