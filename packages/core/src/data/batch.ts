import { dtypes } from "../dtype.ts";
import { Tensor } from "../tensor.ts";
import type { Sample } from "./dataset.ts";
import { dataErrors } from "./errors.ts";
import { padTo, stackTensors } from "./rows.ts";

export interface BatchOptions {
  /**
   * The last batch when samples run out: kept smaller (default), dropped, or filled up by repeating its last sample, for models whose
   * batch size is fixed.
   */
  readonly last?: "keep" | "drop" | "fill" | undefined;
  /** With `last: "fill"`: name of an added bool tensor [size] that is true for real samples. */
  readonly mask?: string | undefined;
  /** Lets shapes differ: smaller tensors are enlarged at the end of each axis with this value. Not for strings and 4- or 2-bit types. */
  readonly pad?: number | undefined;
}

export async function* batches(source: AsyncIterable<Sample>, size: number, options: BatchOptions): AsyncGenerator<Sample> {
  let group: Sample[] = [];
  let first = 0;
  for await (const sample of source) {
    group.push(sample);
    if (group.length < size) continue;
    yield collate(group, first, group.length, options);
    first += size;
    group = [];
  }
  const { last = "keep" } = options;
  if (group.length === 0 || last === "drop") return;
  const real = group.length;
  if (last === "fill") while (group.length < size) group.push(group[real - 1]!);
  yield collate(group, first, real, options);
}

function collate(group: readonly Sample[], first: number, real: number, { mask, pad }: BatchOptions): Sample {
  const names = Object.keys(group[0]!);
  group.forEach((sample, i) => {
    const received = Object.keys(sample);
    if (received.length !== names.length || names.some((name) => !Object.hasOwn(sample, name))) {
      throw dataErrors.BATCH_NAMES({ index: first + i, expected: names, received });
    }
  });
  const batch: Record<string, Tensor> = {};
  for (const name of names) batch[name] = stackTensors(evened(name, group.map((sample) => sample[name]!), first, pad));
  if (mask !== undefined) batch[mask] = Tensor.from("bool", [group.length], group.map((_, i) => i < real));
  return batch;
}

function evened(name: string, tensors: readonly Tensor[], first: number, pad: number | undefined): readonly Tensor[] {
  const [head] = tensors;
  const text = (t: Tensor): string => `${t.dtype}[${t.dims.join(",")}]`;
  tensors.forEach((tensor, i) => {
    const fits = tensor.dtype === head!.dtype && tensor.dims.length === head!.dims.length;
    const same = fits && tensor.dims.every((d, axis) => d === head!.dims[axis]);
    if (!(pad === undefined ? same : fits && (same || dtypes[tensor.dtype].bits >= 8))) throw dataErrors.BATCH_SHAPES({ name, expected: text(head!), received: text(tensor), index: first + i });
  });
  if (pad === undefined) return tensors;
  const dims = head!.dims.map((_, axis) => Math.max(...tensors.map((t) => t.dims[axis]!)));
  return tensors.map((tensor) => padTo(tensor, dims, pad));
}
