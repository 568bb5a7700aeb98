/** What `dataset(...)` takes, and how each is read. */
import type { DType, TypedArray } from "../dtype.ts";
import { bytesOf } from "../convert.ts";
import { Tensor } from "../tensor.ts";
import { dataErrors } from "./errors.ts";
import { rowOf } from "./rows.ts";
import type { Sample } from "./dataset.ts";

/** One tensor per name whose first dimension counts the samples; typed arrays come with their dimensions. */
export type Columns = Readonly<Record<string, Tensor | { readonly data: TypedArray; readonly dims: readonly number[] }>>;

export type SampleIterable = Iterable<Sample> | AsyncIterable<Sample>;

/**
 * A list of samples; a generator or other one-time iterator; a function that makes one for each pass; or columns.
 * Lists and functions can be read many times, a generator once.
 */
export type DatasetSource = SampleIterable | (() => SampleIterable | Promise<SampleIterable>) | Columns;

export interface Reader {
  /** Number of samples, when known without reading. */
  readonly size: number | undefined;
  open(): AsyncIterable<Sample>;
}

/** @throws DATASET_SOURCE, COLUMN_LENGTHS, COLUMN_SCALAR; while reading DATASET_CONSUMED, DATASET_SAMPLE */
export function readerOf(source: DatasetSource): Reader {
  if (typeof source === "function") return { size: undefined, open: () => fromFactory(source) };
  if (typeof source !== "object" || source === null) throw dataErrors.DATASET_SOURCE({ received: String(source) });
  if (isIterable(source)) return iterableReader(source);
  return columnReader(source);
}

const isIterable = (value: object): value is SampleIterable => Symbol.iterator in value || Symbol.asyncIterator in value;

async function* fromFactory(make: () => SampleIterable | Promise<SampleIterable>): AsyncGenerator<Sample> {
  const made = await make();
  if (typeof made !== "object" || made === null || !isIterable(made)) throw dataErrors.DATASET_SOURCE({ received: `What the function returned (${String(made)})` });
  yield* checked(made);
}

function iterableReader(source: SampleIterable): Reader {
  // An iterator that is its own iterable (a generator) cannot be started again.
  const onceOnly = (Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()) === (source as unknown);
  let opened = false;
  return {
    size: Array.isArray(source) ? source.length : undefined,
    open() {
      if (onceOnly && opened) throw dataErrors.DATASET_CONSUMED({});
      opened = true;
      return checked(source);
    },
  };
}

async function* checked(samples: SampleIterable): AsyncGenerator<Sample> {
  let index = 0;
  for await (const sample of samples) {
    for (const [name, tensor] of Object.entries(sample)) if (!isTensor(tensor)) throw dataErrors.DATASET_SAMPLE({ index, name, received: nameOf(tensor) });
    yield sample;
    index++;
  }
}

/** By shape, because two copies of core may meet in one tree. */
const isTensor = (value: unknown): boolean => typeof value === "object" && value !== null && "dtype" in value && "dims" in value && "storage" in value;

const nameOf = (value: unknown): string => (value === null || typeof value !== "object" ? String(value) : `a value of type ${value.constructor?.name ?? "object"}`);

function columnReader(source: Columns): Reader {
  const columns = Object.entries(source).map(([name, column]) => {
    if (!isTensor(column) && !("data" in column && "dims" in column)) throw dataErrors.DATASET_SOURCE({ received: `Column "${name}"` });
    return [name, "data" in column && "dims" in column && !isTensor(column) ? tensorOf(column.data as TypedArray, column.dims) : (column as Tensor)] as const;
  });
  if (columns.length === 0) throw dataErrors.DATASET_SOURCE({ received: "An object without columns" });
  for (const [name, tensor] of columns) if (tensor.dims.length === 0) throw dataErrors.COLUMN_SCALAR({ name });
  const size = columns[0]![1].dims[0]!;
  if (columns.some(([, tensor]) => tensor.dims[0] !== size)) {
    throw dataErrors.COLUMN_LENGTHS({ lengths: Object.fromEntries(columns.map(([name, tensor]) => [name, tensor.dims[0]!])) });
  }
  return {
    size,
    async *open() {
      for (let i = 0; i < size; i++) yield Object.fromEntries(columns.map(([name, tensor]) => [name, rowOf(tensor, i)]));
    },
  };
}

const arrayTypes: Readonly<Record<string, DType>> = {
  Float32Array: "float32", Float64Array: "float64", Int8Array: "int8", Uint8Array: "uint8", Int16Array: "int16", Uint16Array: "uint16",
  Int32Array: "int32", Uint32Array: "uint32", BigInt64Array: "int64", BigUint64Array: "uint64",
};

/**
 * A tensor over a typed array, without copying; the element type is the array's own.
 * @throws TENSOR_SIZE when the count differs from the shape.
 */
export function tensorOf(data: TypedArray, dims: readonly number[] = [data.length]): Tensor {
  // The tag, unlike the class, is the same for arrays of another realm and for Node's Buffer.
  const dtype = arrayTypes[data[Symbol.toStringTag]];
  if (dtype === undefined) throw dataErrors.DATASET_SOURCE({ received: `An array of type ${String(data[Symbol.toStringTag])}` });
  return Tensor.fromBytes(dtype, dims, bytesOf(data));
}
