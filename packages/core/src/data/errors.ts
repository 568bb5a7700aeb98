import { defineErrors } from "../errors.ts";

const shapeText = (dims: readonly (number | string | null)[]): string => `[${dims.map((d) => d ?? "?").join(", ")}]`;
const names = (list: readonly string[]): string => (list.length === 0 ? "none" : list.map((n) => `"${n}"`).join(", "));

export const dataErrors = defineErrors({
  EMPTY_DATASET: {
    text: (d: { purpose: string }) => `The dataset gave no samples for ${d.purpose}.`,
    remedy: "Give at least one sample; check filters, take(...) and paths.",
  },
  DATASET_SOURCE: {
    text: (d: { received: string }) => `${d.received} cannot be read as a dataset.`,
    remedy: "Give a list, a generator, a function that makes one, or columns such as { image: tensor, label: tensor }.",
  },
  DATASET_CONSUMED: {
    text: () => "The dataset comes from a generator that was already read; a generator can be read once.",
    remedy: "Give the generator function itself, dataset(() => generate()), so that each pass makes a new one.",
  },
  DATASET_SAMPLE: {
    text: (d: { index: number; name: string; received: string }) => `Sample ${d.index} of the dataset has ${d.received} as "${d.name}", where a Tensor was expected.`,
    remedy: "Make tensors with Tensor.from(dtype, dims, values).",
  },
  DATASET_OPTION: {
    text: (d: { method: string; option: string; expected: string; received: unknown }) => `${d.method} got ${d.option} = ${String(d.received)}; expected is ${d.expected}.`,
    remedy: "Correct the argument.",
  },
  COLUMN_LENGTHS: {
    text: (d: { lengths: Readonly<Record<string, number>> }) =>
      `The columns differ in length: ${Object.entries(d.lengths).map(([name, n]) => `"${name}" has ${n}`).join(", ")}.`,
    remedy: "The first dimension counts the samples and must be the same for all columns.",
  },
  COLUMN_SCALAR: {
    text: (d: { name: string }) => `Column "${d.name}" is a scalar and has no first dimension to count samples by.`,
    remedy: "Give a tensor whose first dimension counts the samples.",
  },
  BATCH_SHAPES: {
    text: (d: { name: string; expected: string; received: string; index: number }) =>
      `Tensor "${d.name}" of sample ${d.index} is ${d.received} while the first of its batch is ${d.expected}.`,
    remedy: "Bring samples to one shape with map(...), or let batch fill up with { pad: 0 } (same element type and rank).",
  },
  BATCH_NAMES: {
    text: (d: { index: number; expected: readonly string[]; received: readonly string[] }) =>
      `Sample ${d.index} has the tensors ${names(d.received)} while the first of its batch has ${names(d.expected)}.`,
    remedy: "Give all samples the same names.",
  },
  ZIP_NAMES: {
    text: (d: { name: string }) => `Both datasets that are zipped have a tensor named "${d.name}".`,
    remedy: "Rename one: other.rename({ old: \"new\" }).",
  },
  ZIP_LENGTHS: {
    text: (d: { shorter: number }) => `One of the datasets that are zipped ended after ${d.shorter} samples, another one did not.`,
    remedy: "Zip datasets of the same length, or cut the longer one with take(...).",
  },
  RENAME_MISSING: {
    text: (d: { from: string; known: readonly string[] }) => `A sample has no tensor "${d.from}" to rename (it has ${names(d.known)}).`,
    remedy: "Rename the tensors that are there.",
  },
  INPUT_MISSING: {
    text: (d: { input: string; known: readonly string[]; meant: string | undefined }) =>
      `The model needs the input "${d.input}", which the sample lacks (it has ${names(d.known)}).${d.meant === undefined ? "" : ` Is "${d.meant}" meant?`}`,
    remedy: "Rename the tensor: data.rename({ <name>: \"<input>\" }).",
  },
  INPUT_DTYPE: {
    text: (d: { input: string; expected: string; received: string }) => `Input "${d.input}" takes ${d.expected}; the sample has ${d.received}.`,
    remedy: "Convert it: data.map((s) => ({ ...s, x: s.x.cast(\"float32\") })).",
  },
  INPUT_SHAPE: {
    text: (d: { input: string; expected: readonly (number | string | null)[]; received: readonly number[] }) =>
      `Input "${d.input}" takes the shape ${shapeText(d.expected)}; the sample has ${shapeText(d.received)}.${d.expected.length === d.received.length + 1 ? " The batch dimension is missing." : ""}`,
    remedy: "Add the batch dimension with data.batch(n), or reshape the tensor.",
  },
  INPUT_SYMBOL: {
    text: (d: { symbol: string; input: string; size: number; other: string; otherSize: number }) =>
      `The dimension "${d.symbol}" is ${d.size} in input "${d.input}" but ${d.otherSize} in input "${d.other}".`,
    remedy: "Feed inputs whose common dimensions agree.",
  },
  NOT_FINITE: {
    text: (d: { name: string; value: number; index: readonly number[]; where: string }) => `Tensor "${d.name}" ${d.where} has ${d.value} at [${d.index.join(", ")}].`,
    remedy: "Check the preprocessing (division by zero, missing values).",
  },
  NPY_FORMAT: {
    text: (d: { what: string; reason: string }) => `${d.what} is not a .npy file that can be read: ${d.reason}.`,
    remedy: "Save it again with numpy.save(file, array, allow_pickle=False).",
  },
  NPY_DTYPE: {
    text: (d: { what: string; dtype: string }) => `${d.what} has the element type ${d.dtype}, which has no counterpart.`,
    remedy: "Convert it first, for instance to float32.",
  },
  ZIP_FORMAT: {
    text: (d: { what: string; reason: string }) => `${d.what} is not a .npz (zip) file that can be read: ${d.reason}.`,
    remedy: "Save it again with numpy.savez or numpy.savez_compressed.",
  },
  ZIP_LIMIT: {
    text: (d: { what: string; limit: string; allowed: number; received: number }) => `${d.what} asks for ${d.limit} of ${d.received}; at most ${d.allowed} is allowed.`,
    remedy: "Raise the limit in the options if the file is trusted.",
  },
  INFLATE: {
    text: (d: { what: string; reason: string }) => `The compressed data of ${d.what} cannot be unpacked: ${d.reason}.`,
    remedy: "The file is damaged or was cut short; fetch it again.",
  },
  IDX_FORMAT: {
    text: (d: { what: string; reason: string }) => `${d.what} is not an IDX file that can be read: ${d.reason}.`,
    remedy: "Give a file in the IDX format of the MNIST databases, plain or gzipped.",
  },
  IMAGE_FOLDER: {
    text: (d: { path: string; reason: string }) => `The image folder "${d.path}" cannot be read: ${d.reason}.`,
    remedy: "Expected is a folder of images, or a folder with one folder of images per class.",
  },
});
