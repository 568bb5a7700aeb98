/** Datasets: sources, order, batches, and how samples meet a model's inputs. */
import { checkFinite, concatRows, dataset, feedsOf, finiteSamples, firstSamples, isDataset, labelsOf, nonEmpty, rowOf, sliceRows, stackTensors, Tensor, tensorOf, tensorType, type Dataset, type DatasetSource, type Sample } from "@lathe/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tinyModel } from "./helpers-technique.ts";

const scalar = (v: number): Sample => ({ v: Tensor.scalar("float32", v) });
const values = async (data: AsyncIterable<Sample>, name = "v"): Promise<number[]> => {
  const all: number[] = [];
  for await (const sample of data) all.push(...sample[name]!.toNumbers());
  return all;
};
const upTo = (n: number): Dataset => dataset(Array.from({ length: n }, (_, i) => scalar(i)));
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe("sources", () => {
  const three = [0, 1, 2].map(scalar);
  function* sync(): Generator<Sample> {
    yield* three;
  }
  async function* later(): AsyncGenerator<Sample> {
    yield* three;
  }
  test.each<[string, () => DatasetSource]>([
    ["a list", () => three],
    ["a set", () => new Set(three)],
    ["a generator", () => sync()],
    ["an async generator", () => later()],
    ["a generator function", () => sync],
    ["an async generator function", () => later],
    ["a function that gives a list", () => () => three],
    ["a function that promises a list", () => async () => three],
    ["another dataset", () => dataset(three)],
    ["columns of tensors", () => ({ v: Tensor.from("float32", [3], [0, 1, 2]) })],
    ["columns of typed arrays", () => ({ v: { data: Float32Array.of(0, 1, 2), dims: [3] } })],
  ])("%s", async (_, source) => {
    expect(await values(dataset(source()))).toEqual([0, 1, 2]);
  });
  test("lists, functions and columns can be read again; a generator says that it cannot", async () => {
    for (const source of [three, sync, { v: Tensor.from("float32", [3], [0, 1, 2]) }]) {
      const data = dataset(source);
      expect([await values(data), await values(data)]).toEqual([[0, 1, 2], [0, 1, 2]]);
    }
    const once = dataset(sync());
    await values(once);
    await expect(values(once)).rejects.toThrow(/DATASET_CONSUMED.*generator function/);
  });
  test("sizes are known where nothing need be read", () => {
    expect([dataset(three).size, dataset(sync).size, dataset({ v: Tensor.from("int8", [5], range(5)) }).size]).toEqual([3, undefined, 5]);
  });
  test("rows of columns keep their inner shape and share bytes", async () => {
    const image = Tensor.from("float32", [2, 1, 2, 2], range(8));
    const [first, second] = await dataset({ image, label: Tensor.int64([7, 8]) }).toArray();
    expect([second!["image"]!.dims, second!["image"]!.toNumbers(), second!["label"]!.dims, second!["label"]!.toNumbers()]).toEqual([[1, 2, 2], [4, 5, 6, 7], [], [8]]);
    expect(first!["image"]!.bytes().buffer).toBe(image.bytes().buffer);
  });
  test.each<[string, unknown, RegExp]>([
    ["a number", 3, /DATASET_SOURCE: 3/],
    ["nothing", null, /DATASET_SOURCE: null/],
    ["no columns", {}, /without columns/],
    ["a column of numbers", { v: [1, 2] }, /Column "v"/],
    ["columns of two lengths", { a: Tensor.int64([1, 2]), b: Tensor.int64([1]) }, /COLUMN_LENGTHS.*"a" has 2, "b" has 1/],
    ["a scalar column", { a: Tensor.scalar("int8", 1) }, /COLUMN_SCALAR.*"a"/],
  ])("%s is refused at once", (_, source, text) => {
    expect(() => dataset(source as DatasetSource)).toThrow(text);
  });
  test("a sample that holds something else is refused when it comes", async () => {
    await expect(values(dataset([scalar(1), { v: [1] } as unknown as Sample]))).rejects.toThrow(/DATASET_SAMPLE: Sample 1 .* a value of type Array as "v"/);
    await expect(values(dataset((() => 3) as unknown as DatasetSource))).rejects.toThrow(/DATASET_SOURCE/);
  });
  test("tensorOf takes the element type of the array", () => {
    expect([tensorOf(Int16Array.of(1, 2)).dtype, tensorOf(BigInt64Array.of(1n)).dtype, tensorOf(Buffer.from([1, 2, 3, 4]), [2, 2]).dims]).toEqual(["int16", "int64", [2, 2]]);
    expect(() => tensorOf(Float32Array.of(1), [2])).toThrow(/TENSOR_SIZE/);
  });
  test("isDataset goes by shape", () => {
    expect([isDataset(upTo(1)), isDataset([]), isDataset(null)]).toEqual([true, false, false]);
  });
});

describe("taking, skipping, joining", () => {
  test("take, skip, concat, repeat and filter behave as on lists", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(12), fc.nat(15), fc.nat(15), fc.integer({ min: 1, max: 3 }), async (n, take, skip, times) => {
        const list = range(n);
        expect(await values(upTo(n).take(take))).toEqual(list.slice(0, take));
        expect(await values(upTo(n).skip(skip))).toEqual(list.slice(skip));
        expect(await values(upTo(n).concat(upTo(take)))).toEqual([...list, ...range(take)]);
        expect(await values(upTo(n).filter((s) => s["v"]!.toNumbers()[0]! % 2 === 0))).toEqual(list.filter((v) => v % 2 === 0));
        if (n > 0) expect(await values(upTo(n).repeat(times))).toEqual(Array.from({ length: times }, () => list).flat());
      }),
    );
  });
  test("sizes follow", () => {
    const data = upTo(10);
    const sizes = [data.take(3), data.skip(4), data.skip(40), data.batch(3), data.batch(3, { last: "drop" }), data.repeat(2), data.repeat(), data.concat(upTo(1)), data.map((s) => s), data.shuffle(), data.filter(() => true)];
    expect(sizes.map((d) => d.size)).toEqual([3, 6, 0, 4, 3, 20, Infinity, 11, 10, 10, undefined]);
  });
  test("count reads only when it must", async () => {
    let read = 0;
    const data = dataset(function* () { for (let i = 0; i < 5; i++) { read++; yield scalar(i); } });
    expect(await data.count()).toBe(5);
    expect(read).toBe(5);
    expect(await upTo(7).batch(2).count()).toBe(4);
  });
  test("take asks for no sample more than it gives, and closes the source", async () => {
    let asked = 0;
    let closed = false;
    const data = dataset(function* () { try { for (;;) yield scalar(asked++); } finally { closed = true; } });
    expect(await values(data.take(3))).toEqual([0, 1, 2]);
    expect([asked, closed]).toEqual([3, true]);
  });
  test.each([
    ["a list", () => [0, 1, 2, 3].map(scalar)], ["a generator", () => [0, 1, 2, 3].map(scalar).values()], ["a dataset", () => upTo(4)],
  ] as const)("firstSamples holds the first of %s", async (_, source) => {
    for (const [count, expected] of [[0, []], [2, [0, 1]], [9, [0, 1, 2, 3]], [Infinity, [0, 1, 2, 3]]] as const) {
      expect((await firstSamples(source(), count)).map((s) => s["v"]!.toNumbers()[0])).toEqual(expected);
    }
  });
  test("firstSamples stops when aborted", async () => {
    const control = new AbortController();
    let asked = 0;
    const data = dataset(function* () { for (;;) { if (asked++ === 2) control.abort(new Error("enough")); yield scalar(0); } });
    await expect(firstSamples(data, 9, control.signal)).rejects.toThrow("enough");
    expect(asked).toBe(3);
  });
  test("repeat of nothing is an error, not an endless wait", async () => {
    await expect(values(dataset([]).repeat())).rejects.toThrow(/EMPTY_DATASET/);
  });
  test("map may be asynchronous and sees the index", async () => {
    expect(await values(upTo(3).map(async (s, i) => scalar(s["v"]!.toNumbers()[0]! * 10 + i)))).toEqual([0, 11, 22]);
  });
  test("zip joins names; a shared name or another length is an error", async () => {
    const labels = upTo(3).rename({ v: "label" });
    const [, second] = await upTo(3).zip(labels).toArray();
    expect(Object.keys(second!)).toEqual(["v", "label"]);
    await expect(values(upTo(3).zip(upTo(3)))).rejects.toThrow(/ZIP_NAMES.*"v"/);
    await expect(values(upTo(3).zip(labels.take(2)))).rejects.toThrow(/ZIP_LENGTHS.*2 samples/);
    await expect(values(upTo(2).zip(labels))).rejects.toThrow(/ZIP_LENGTHS.*2 samples/);
  });
  test("rename names a tensor that is not there", async () => {
    await expect(values(upTo(1).rename({ x: "y" }))).rejects.toThrow(/RENAME_MISSING.*"x".*"v"/);
  });
  test.each<[string, (d: Dataset) => unknown]>([
    ["take", (d) => d.take(-1)], ["skip", (d) => d.skip(1.5)], ["batch", (d) => d.batch(0)], ["repeat", (d) => d.repeat(NaN)], ["shuffle", (d) => d.shuffle({ buffer: 0 })],
  ])("%s refuses a senseless number at once", (method, use) => {
    expect(() => use(upTo(3))).toThrow(new RegExp(`DATASET_OPTION: ${method} got`));
  });
});

describe("shuffle", () => {
  test("is a permutation, the same for the same seed, also through a small buffer", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(30), fc.nat(1000), fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }), async (n, seed, buffer) => {
        const data = upTo(n).shuffle({ seed, buffer });
        const order = await values(data);
        expect([...order].sort((a, b) => a - b)).toEqual(range(n));
        expect(await values(data)).toEqual(order);
        // A sample cannot come out before it went in.
        if (buffer !== undefined) order.forEach((v, i) => expect(v).toBeLessThanOrEqual(i + buffer));
      }),
    );
  });
  test("eachPass gives a new order at each pass, the same series for the same seed", async () => {
    const passes = async (): Promise<number[][]> => {
      const data = upTo(20).shuffle({ seed: 3, eachPass: true });
      return [await values(data), await values(data)];
    };
    const [first, second] = await passes();
    expect(first).not.toEqual(second);
    expect(await passes()).toEqual([first, second]);
  });
  test("every position is about equally likely for every sample", async () => {
    const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
    for (let seed = 0; seed < 2000; seed++) for (const [at, v] of (await values(upTo(4).shuffle({ seed }))).entries()) counts[v]![at]!++;
    // 500 expected each; five standard deviations are 97.
    for (const row of counts) for (const count of row) expect(Math.abs(count - 500)).toBeLessThan(97);
  });
});

describe("batch", () => {
  const shapes = async (data: Dataset): Promise<(readonly number[])[]> => (await data.toArray()).map((s) => s["v"]!.dims);
  test("stacks along a new first axis; the last one is kept, dropped or filled", async () => {
    expect(await shapes(upTo(5).batch(2))).toEqual([[2], [2], [1]]);
    expect(await shapes(upTo(5).batch(2, { last: "drop" }))).toEqual([[2], [2]]);
    const filled = upTo(5).batch(3, { last: "fill", mask: "real" });
    expect(await values(filled)).toEqual([0, 1, 2, 3, 4, 4]);
    expect(await values(filled, "real")).toEqual([1, 1, 1, 1, 1, 0]);
  });
  test("rows of a batch are the samples, for every dtype", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("float32", "int4", "uint2", "bool", "float16", "int64", "float8e5m2"), fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }), fc.integer({ min: 1, max: 5 }), async (dtype, dims, n) => {
        const size = dims.reduce((a, b) => a * b, 1);
        const samples = range(n).map((i) => ({ v: Tensor.from(dtype, dims, range(size).map((k) => (i + k) % 2)) }));
        const [batch] = await dataset(samples).batch(n).toArray();
        expect(batch!["v"]!.dims).toEqual([n, ...dims]);
        for (const [i, sample] of samples.entries()) expect(rowOf(batch!["v"]!, i).toNumbers()).toEqual(sample.v.toNumbers());
      }),
    );
  });
  test("strings are stacked too", () => {
    const both = stackTensors([Tensor.fromStrings([2], ["a", "b"]), Tensor.fromStrings([2], ["c", "d"])]);
    expect([both.dims, both.strings(), rowOf(both, 1).strings()]).toEqual([[2, 2], ["a", "b", "c", "d"], ["c", "d"]]);
  });
  test("unequal shapes are an error that names sample and tensor, unless they are padded", async () => {
    const ragged = dataset([{ v: Tensor.from("float32", [2, 1], [1, 2]) }, { v: Tensor.from("float32", [1, 3], [3, 4, 5]) }]);
    await expect(values(ragged.batch(2))).rejects.toThrow(/BATCH_SHAPES: Tensor "v" of sample 1 is float32\[1,3\] while the first of its batch is float32\[2,1\]/);
    const [batch] = await ragged.batch(2, { pad: -1 }).toArray();
    expect([batch!["v"]!.dims, batch!["v"]!.toNumbers()]).toEqual([[2, 2, 3], [1, -1, -1, 2, -1, -1, 3, 4, 5, -1, -1, -1]]);
    await expect(values(dataset([scalar(1), { w: Tensor.scalar("int8", 1) }]).batch(2))).rejects.toThrow(/BATCH_NAMES: Sample 1 has the tensors "w"/);
    await expect(values(dataset([scalar(1), { v: Tensor.scalar("int8", 1) }]).batch(2, { pad: 0 }))).rejects.toThrow(/BATCH_SHAPES/);
  });
  test("sliceRows and concatRows are inverse", () => {
    fc.assert(
      fc.property(fc.constantFrom("float32", "int4", "uint2", "string"), fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 3 }), fc.nat(6), (dtype, rows, width, cut) => {
        const tensor = dtype === "string" ? Tensor.fromStrings([rows, width], range(rows * width).map(String)) : Tensor.from(dtype, [rows, width], range(rows * width).map((v) => v % 3));
        const at = Math.min(cut, rows);
        const back = concatRows([sliceRows(tensor, 0, at), sliceRows(tensor, at, rows)]);
        expect(back.dims).toEqual(tensor.dims);
        if (dtype === "string") expect(back.strings()).toEqual(tensor.strings());
        else expect(back.toNumbers()).toEqual(tensor.toNumbers());
      }),
    );
  });
});

describe("samples and models", () => {
  const model = tinyModel(); // x float32 [N,4]
  const x = Tensor.from("float32", [2, 4], range(8));
  test("inputs are fed, everything else is a label", () => {
    const sample = { x, label: Tensor.int64([1, 2]) };
    expect(Object.keys(feedsOf(model, sample))).toEqual(["x"]);
    expect(Object.keys(labelsOf(model, sample))).toEqual(["label"]);
  });
  test.each<[string, Sample, RegExp]>([
    ["a missing input", { a: x, b: x }, /INPUT_MISSING: The model needs the input "x", which the sample lacks \(it has "a", "b"\)/],
    ["the only other name is suggested", { image: x }, /Is "image" meant\?.*rename/],
    ["another element type", { x: x.cast("float64") }, /INPUT_DTYPE: Input "x" takes float32; the sample has float64\..*cast/],
    ["another size", { x: Tensor.from("float32", [2, 3], range(6)) }, /INPUT_SHAPE: Input "x" takes the shape \[N, 4\]; the sample has \[2, 3\]/],
    ["a missing batch dimension", { x: Tensor.from("float32", [4], range(4)) }, /The batch dimension is missing\..*batch\(n\)/],
  ])("%s", (_, sample, text) => {
    expect(() => feedsOf(model, sample)).toThrow(text);
  });
  test("dimensions that share a symbol must agree", () => {
    const inputs = [{ name: "a", dtype: "float32", shape: ["N", "T"] }, { name: "b", dtype: undefined, shape: ["T"] }] as const;
    const b = (n: number): Sample => ({ a: x, b: Tensor.int64(range(n)) });
    expect(Object.keys(feedsOf(inputs, b(4)))).toEqual(["a", "b"]);
    expect(() => feedsOf(inputs, b(5))).toThrow(/INPUT_SYMBOL: The dimension "T" is 5 in input "b" but 4 in input "a"/);
  });
  test("an input with a default may be left out", () => {
    const optional = [{ name: "x", dtype: "float32", shape: undefined }, { name: "k", dtype: "int64", shape: [], tensor: Tensor.int64([1], []) }] as const;
    expect(Object.keys(feedsOf(optional, { x }))).toEqual(["x"]);
  });
  test("the first NaN or infinity is named", async () => {
    checkFinite("x", x);
    checkFinite("n", Tensor.int64([1]));
    expect(() => checkFinite("x", Tensor.from("float32", [2, 2], [0, 1, NaN, 3]), "of sample 3")).toThrow('Tensor "x" of sample 3 has NaN at [1, 0].');
    await expect(values(finiteSamples(dataset([scalar(1), scalar(Infinity)])))).rejects.toThrow(/NOT_FINITE.*of sample 1 has Infinity at \[\]/);
  });
  test("nonEmpty passes samples on and complains about none", async () => {
    expect(await values(nonEmpty(upTo(2), "calibration"))).toEqual([0, 1]);
    await expect(values(nonEmpty(upTo(0), "calibration"))).rejects.toThrow("EMPTY_DATASET: The dataset gave no samples for calibration.");
  });
  test("shapes and types of graph values count as they are", () => {
    expect(() => feedsOf([{ name: "y", dtype: undefined, shape: tensorType("float32", [null, 4]).shape }], { y: x })).not.toThrow();
  });
});
