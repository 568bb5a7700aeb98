import type { Tensor } from "../tensor.ts";
import { batches, type BatchOptions } from "./batch.ts";
import { dataErrors } from "./errors.ts";
import { takeSamples } from "./first.ts";
import { shuffled, type ShuffleOptions } from "./shuffle.ts";
import { readerOf, type DatasetSource, type Reader } from "./source.ts";

/**
 * Named tensors that belong together: one example, or one batch. Names that a model has as inputs are fed to it; all others are
 * labels and metadata that only the user's own code reads.
 */
export type Sample = Readonly<Record<string, Tensor>>;

/** Samples in order. Lazy: nothing is read before iteration begins, and each method gives a new dataset. */
export interface Dataset extends AsyncIterable<Sample> {
  /** Number of samples when it is known without reading, else undefined. */
  readonly size: number | undefined;
  /** Number of samples; reads all of them when it is not known. */
  count(): Promise<number>;
  map(change: (sample: Sample, index: number) => Sample | Promise<Sample>): Dataset;
  filter(keep: (sample: Sample, index: number) => boolean | Promise<boolean>): Dataset;
  take(count: number): Dataset;
  skip(count: number): Dataset;
  /** Order by the seed: the same at each pass, unless `eachPass` is set. */
  shuffle(options?: ShuffleOptions): Dataset;
  /** Stacks `size` samples along a new first axis. */
  batch(size: number, options?: BatchOptions): Dataset;
  concat(...others: readonly AsyncIterable<Sample>[]): Dataset;
  /** Passes over it again and again; without `times` for ever. */
  repeat(times?: number): Dataset;
  /** Joins the tensors of two datasets sample by sample, for instance images and labels. */
  zip(other: AsyncIterable<Sample>): Dataset;
  /** Gives tensors other names: `rename({ x: "image" })`. */
  rename(names: Readonly<Record<string, string>>): Dataset;
  toArray(): Promise<Sample[]>;
}

/**
 * A dataset of samples or columns.
 *
 * @example
 * dataset({ image: Tensor.fromBytes("uint8", [1000, 1, 28, 28], pixels), label: labels }).shuffle({ seed: 1 }).batch(32)
 * dataset(() => readLines()).map(toSample).take(100)
 * @throws DATASET_SOURCE, COLUMN_LENGTHS, COLUMN_SCALAR; while reading DATASET_CONSUMED, DATASET_SAMPLE
 */
export const dataset = (source: DatasetSource): Dataset => make(readerOf(source));

/** True for what `dataset` gives, of any copy of core. */
export const isDataset = (value: unknown): value is Dataset => typeof value === "object" && value !== null && Symbol.asyncIterator in value && "batch" in value && "take" in value;

function make(reader: Reader): Dataset {
  const { size, open } = reader;
  const derive = (newSize: number | undefined, read: () => AsyncIterable<Sample>): Dataset => make({ size: newSize, open: read });
  const self: Dataset = {
    size,
    [Symbol.asyncIterator]: () => open()[Symbol.asyncIterator](),
    async count() {
      if (size !== undefined) return size;
      let count = 0;
      for await (const _ of open()) count++;
      return count;
    },
    map: (change) => derive(size, () => mapped(open(), change)),
    filter: (keep) => derive(undefined, () => filtered(open(), keep)),
    take(count) {
      natural("take", "count", count);
      return derive(size === undefined ? undefined : Math.min(size, count), () => takeSamples(open, count));
    },
    skip(count) {
      natural("skip", "count", count);
      return derive(size === undefined ? undefined : Math.max(0, size - count), () => filtered(open(), (_, i) => i >= count));
    },
    shuffle(options = {}) {
      let passes = 0;
      if (options.buffer !== undefined) natural("shuffle", "buffer", options.buffer, 1);
      return derive(size, () => shuffled(open(), options, options.eachPass ? passes++ : 0));
    },
    batch(batchSize, options = {}) {
      natural("batch", "size", batchSize, 1);
      const round = options.last === "drop" ? Math.floor : Math.ceil;
      return derive(size === undefined ? undefined : round(size / batchSize), () => batches(open(), batchSize, options));
    },
    concat: (...others) => derive(others.reduce<number | undefined>((sum, d) => addSizes(sum, sizeOf(d)), size), () => chained([self, ...others])),
    repeat(times = Infinity) {
      if (times !== Infinity) natural("repeat", "times", times);
      return derive(size === undefined ? undefined : size === 0 ? 0 : size * times, () => repeated(open, times));
    },
    zip: (other) => derive(size ?? sizeOf(other), () => zipped(open(), other)),
    rename: (names) => derive(size, () => mapped(open(), (sample) => renamed(sample, names))),
    async toArray() {
      const all: Sample[] = [];
      for await (const sample of open()) all.push(sample);
      return all;
    },
  };
  return Object.freeze(self);
}

function natural(method: string, option: string, received: number, least = 0): void {
  if (!Number.isSafeInteger(received) || received < least) throw dataErrors.DATASET_OPTION({ method, option, expected: `an integer >= ${least}`, received });
}

const sizeOf = (source: AsyncIterable<Sample>): number | undefined => ("size" in source && typeof source.size === "number" ? source.size : undefined);
const addSizes = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? undefined : a + b);

async function* mapped(source: AsyncIterable<Sample>, change: (sample: Sample, index: number) => Sample | Promise<Sample>): AsyncGenerator<Sample> {
  let index = 0;
  for await (const sample of source) yield await change(sample, index++);
}

async function* filtered(source: AsyncIterable<Sample>, keep: (sample: Sample, index: number) => boolean | Promise<boolean>): AsyncGenerator<Sample> {
  let index = 0;
  for await (const sample of source) if (await keep(sample, index++)) yield sample;
}

async function* chained(sources: readonly AsyncIterable<Sample>[]): AsyncGenerator<Sample> {
  for (const source of sources) yield* source;
}

async function* repeated(open: () => AsyncIterable<Sample>, times: number): AsyncGenerator<Sample> {
  for (let pass = 0; pass < times; pass++) {
    let any = false;
    for await (const sample of open()) {
      any = true;
      yield sample;
    }
    if (!any) throw dataErrors.EMPTY_DATASET({ purpose: "repeat" });
  }
}

async function* zipped(left: AsyncIterable<Sample>, right: AsyncIterable<Sample>): AsyncGenerator<Sample> {
  const others = right[Symbol.asyncIterator]();
  let index = 0;
  try {
    for await (const sample of left) {
      const other = await others.next();
      if (other.done) throw dataErrors.ZIP_LENGTHS({ shorter: index });
      const twice = Object.keys(sample).find((name) => name in other.value);
      if (twice !== undefined) throw dataErrors.ZIP_NAMES({ name: twice });
      yield { ...sample, ...other.value };
      index++;
    }
    if (!(await others.next()).done) throw dataErrors.ZIP_LENGTHS({ shorter: index });
  } finally {
    await others.return?.();
  }
}

function renamed(sample: Sample, names: Readonly<Record<string, string>>): Sample {
  const missing = Object.keys(names).find((from) => !Object.hasOwn(sample, from));
  if (missing !== undefined) throw dataErrors.RENAME_MISSING({ from: missing, known: Object.keys(sample) });
  return Object.fromEntries(Object.entries(sample).map(([name, tensor]) => [Object.hasOwn(names, name) ? names[name]! : name, tensor]));
}
