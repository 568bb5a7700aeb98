/** Training data: examples that can be asked for in any order, in batches. */
import { Tensor, byteLengthOf, dimSymbols, type Dataset, type Dim, type Feeds, type Model, type Random, type Sample, type Shape } from "@lathe/core";
import { trainErrors } from "../errors.ts";

export interface TrainingData {
  /** Number of examples. */
  readonly size: number;
  /** The batch of these examples: named tensors whose first axis counts them. `random` belongs to this batch alone, for augmentation. */
  batch(indices: readonly number[], random: Random): Feeds | Promise<Feeds>;
}

/** Changes a batch on its way to the model; draws from `random` only. */
export type Transform = (batch: Feeds, random: Random) => Feeds;

/** Examples held in tensors [N, ...] of equal N, by input name. @throws TRAIN_DATA when the counts differ. */
export function tensorData(tensors: Readonly<Record<string, Tensor>>, transform?: Transform): TrainingData {
  const counts = new Set(Object.values(tensors).map((t) => t.dims[0] ?? 1));
  if (counts.size !== 1) throw trainErrors.TRAIN_DATA({ reason: `the tensors have ${[...counts].join(" and ")} examples` });
  const [size = 0] = counts;
  return {
    size,
    batch: (indices, random) => {
      const picked = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, rows(tensor, indices)]));
      return transform ? transform(picked, random) : picked;
    },
  };
}

/** The examples of a tensor at these indices of its first axis. */
export function rows(tensor: Tensor, indices: readonly number[]): Tensor {
  const dims = [indices.length, ...tensor.dims.slice(1)];
  const bytes = byteLengthOf(tensor.dtype, tensor.size) / (tensor.dims[0] ?? 1);
  const source = tensor.bytes();
  const out = new Uint8Array(indices.length * bytes);
  indices.forEach((at, i) => out.set(source.subarray(at * bytes, (at + 1) * bytes), i * bytes));
  return Tensor.fromBytes(tensor.dtype, dims, out);
}

/** Part of the examples, for a validation split. */
export const subset = (data: TrainingData, indices: readonly number[]): TrainingData =>
  ({ size: indices.length, batch: (at, random) => data.batch(at.map((i) => indices[i]!), random) });

const isTrainingData = (data: TrainingData | Dataset): data is TrainingData => !(Symbol.asyncIterator in data);

/** Training data as it is; a dataset is read into memory. */
export const trainingData = (data: TrainingData | Dataset, model: Model): TrainingData | Promise<TrainingData> => (isTrainingData(data) ? data : collect(data, model));

/**
 * Reads a whole dataset into memory. Samples are batches of any length when their tensors have the rank of the model's inputs,
 * single examples when they have one axis less.
 * @throws TRAIN_DATA when samples differ in their names or shapes, or there is none.
 */
export async function collect(dataset: Dataset, model: Model): Promise<TrainingData> {
  const parts = new Map<string, Tensor[]>();
  for await (const sample of dataset) {
    for (const [name, tensor] of Object.entries(batched(sample, model))) {
      const list = parts.get(name) ?? [];
      const first = list[0];
      if (first && first.dims.slice(1).join() !== tensor.dims.slice(1).join()) throw trainErrors.TRAIN_DATA({ reason: `"${name}" has shape [${tensor.dims.join()}] in one sample and [${first.dims.join()}] in another` });
      list.push(tensor);
      parts.set(name, list);
    }
  }
  if (parts.size === 0) throw trainErrors.TRAIN_DATA({ reason: "the dataset is empty" });
  return tensorData(Object.fromEntries([...parts].map(([name, list]) => [name, joined(list)])));
}

/** The sample with a first axis that counts examples. */
function batched(sample: Sample, model: Model): Sample {
  const input = model.graph.inputs.find((v) => sample[v.name] && v.shape);
  if (!input) throw trainErrors.TRAIN_DATA({ reason: `a sample has ${Object.keys(sample).join(", ") || "nothing"}, and the model takes ${model.graph.inputs.map((v) => v.name).join(", ")}` });
  const missing = input.shape!.length - sample[input.name]!.dims.length;
  if (missing !== 0 && missing !== 1) throw trainErrors.TRAIN_DATA({ reason: `"${input.name}" has ${sample[input.name]!.dims.length} axes in a sample and ${input.shape!.length} in the model` });
  const stacked = (tensor: Tensor): Tensor => (missing === 1 || tensor.dims.length === 0 ? tensor.reshape([1, ...tensor.dims]) : tensor);
  return Object.fromEntries(Object.entries(sample).map(([name, tensor]) => [name, stacked(tensor)]));
}

/** One tensor of those behind each other along their first axis. */
export function joined(list: readonly Tensor[]): Tensor {
  const first = list[0]!;
  const bytes = new Uint8Array(list.reduce((sum, t) => sum + t.byteLength, 0));
  let at = 0;
  for (const tensor of list) {
    bytes.set(tensor.bytes(), at);
    at += tensor.byteLength;
  }
  return Tensor.fromBytes(first.dtype, [list.reduce((sum, t) => sum + (t.dims[0] ?? 1), 0), ...first.dims.slice(1)], bytes);
}

/** The size of a batch as the model's inputs have it: the first dimension of the first that has one. Examples are counted there. */
export const batchDim = ({ graph }: Pick<Model, "graph">): Dim => graph.inputs.find(({ tensor, shape }) => !tensor && shape && shape.length > 0)?.shape?.[0] ?? null;

/** Where the batch of that name stands in a shape; -1 when it has no name, or does not occur. */
export const batchAxis = (shape: Shape, batch: Dim): number => (typeof batch === "string" ? shape.findIndex((dim) => dimSymbols(dim).includes(batch)) : -1);

/** The batch that a model was exported with, when it is a number in all of its inputs. */
export function fixedBatch(model: Model): number | undefined {
  const firsts = new Set(model.graph.inputs.flatMap(({ tensor, shape }) => (tensor || !shape || shape.length === 0 ? [] : [shape[0]])));
  const [first] = firsts;
  return firsts.size === 1 && typeof first === "number" ? first : undefined;
}
