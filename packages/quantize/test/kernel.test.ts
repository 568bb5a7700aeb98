import { Tensor, type DType, type TensorStorage } from "@lathe/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dequantizeMatrix, histogramEdges, quantizeMatrix, quantizeTable, type MatrixView, type QuantizedMatrix } from "@lathe/quantize";
import { countPlainly } from "../src/calibrate/histogram.ts";
import { assemble, define, f32, i32, loopWhile } from "../src/kernel/assembler.ts";
import { blockFit } from "../src/weight-only/fit.ts";
import { newFitted } from "../src/weight-only/fitted.ts";
import { kQuantFit, plainKQuantFit } from "../src/weight-only/k-quant.ts";
import { tableFit } from "../src/weight-only/table.ts";
import { countValues, tensorCodes, tensorExtremes, valueExtremes, type ChannelView } from "../src/kernel/tensors.ts";

/** A tensor in memory, or the same content as a file gives it: read into a buffer of the caller's. */
const inMemory = (data: Float32Array): Tensor => Tensor.from("float32", [data.length], data);
function inFile(data: Float32Array): Tensor {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const storage: TensorStorage = {
    kind: "file", byteLength: bytes.byteLength,
    bytes: () => { throw new Error("the whole tensor was read"); },
    readInto: (target, at) => target.set(bytes.subarray(at, at + target.byteLength)),
  };
  return new Tensor("float32", [data.length], storage);
}

/** Sizes on both sides of the kernel's piece of 65,536 values, with channels innermost or not. */
const views: readonly ChannelView[] = [
  { outer: 1, channels: 1, inner: 70_000 }, { outer: 1, channels: 1, inner: 65_537 }, { outer: 3, channels: 5, inner: 17 }, { outer: 1, channels: 40, inner: 4_001 },
  { outer: 700, channels: 131, inner: 1 }, { outer: 3, channels: 70_001, inner: 1 }, { outer: 1, channels: 16, inner: 1 }, { outer: 2, channels: 3, inner: 65_540 },
];
const valuesOf = ({ outer, channels, inner }: ChannelView): Float32Array => Float32Array.from({ length: outer * channels * inner }, (_, i) => Math.round(Math.sin(i * 12.9898) * 400) / 8);
const channelOf = ({ channels, inner }: ChannelView, i: number): number => Math.floor(i / inner) % channels;

describe.each(views)("the kernel on $outer x $channels x $inner", (view) => {
  const data = valuesOf(view);

  it.each([["memory", inMemory], ["a file", inFile]] as const)("finds the extremes of each channel of a tensor in %s", (_, make) => {
    const min = new Float32Array(view.channels).fill(Infinity);
    const max = new Float32Array(view.channels).fill(-Infinity);
    data.forEach((x, i) => {
      const c = channelOf(view, i);
      min[c] = Math.min(min[c]!, x);
      max[c] = Math.max(max[c]!, x);
    });
    expect(tensorExtremes(make(data), view)).toEqual({ min, max, finite: true });
  });

  it.each([["int8", -128, 127], ["uint8", 0, 255]] as const)("rounds to %s with ties to even and clips", (dtype, low, high) => {
    // Quotients are multiples of an eighth: many ties, and some beyond the range.
    const scales = Float32Array.from({ length: view.channels }, (_, c) => [0.25, 0.125, 3, 1e-30][c % 4]!);
    const zeros = Int16Array.from({ length: view.channels }, (_, c) => low + ((c * 37) % 256));
    const even = (x: number): number => x + 6755399441055744 - 6755399441055744;
    const expected = data.map((x, i) => {
      const c = channelOf(view, i);
      return Math.max(low, Math.min(high, even(Math.fround(x / scales[c]!)) + zeros[c]!));
    });
    const made = tensorCodes(inFile(data), view, scales, zeros, dtype === "int8")!;
    const values = dtype === "int8" ? new Int8Array(made.buffer) : made;
    expect(values.every((v, i) => v === expected[i])).toBe(true);
  });

  it.each([NaN, Infinity, -Infinity])("notices %s wherever it stands", (bad) => {
    for (const at of [0, data.length - 1, Math.floor(data.length / 2)]) {
      const spoilt = data.slice();
      spoilt[at] = bad;
      expect(tensorExtremes(inMemory(spoilt), view)!.finite).toBe(false);
    }
  });
});

describe("what an earlier tensor left in the kernel's memory", () => {
  const ones = (outer: number, channels: number) => tensorExtremes(inMemory(new Float32Array(outer * channels).fill(1)), { outer, channels, inner: 1 })!;

  it("does not make a later one infinite, be it values", () => {
    valueExtremes(new Float32Array(65_536).fill(NaN));
    for (let channels = 8; channels < 20; channels++) expect(ones(4, channels)).toEqual({ min: new Float32Array(channels).fill(1), max: new Float32Array(channels).fill(1), finite: true });
  });

  it("or codes, whose bytes read as NaN: 3,855 rows of 17 end where codes begin", () => {
    const size = 3_855 * 17;
    tensorCodes(inMemory(new Float32Array(size).fill(-1)), { outer: 1, channels: 1, inner: size }, [1], [0], true);
    expect(ones(3_855, 17).finite).toBe(true);
  });

  it("gives nothing for a tensor without values", () => {
    expect(tensorExtremes(inMemory(new Float32Array(0)), { outer: 0, channels: 8, inner: 1 })).toBeUndefined();
  });
});

describe("values in memory", () => {
  it("are counted into the bins that the plain loop finds", () => {
    const value = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true, min: -3, max: 3 }), fc.constantFrom(0, -3, 3, 1.5));
    fc.assert(fc.property(fc.array(value, { minLength: 64, maxLength: 300 }), fc.integer({ min: 8, max: 3000 }), (values, bins) => {
      const data = Float32Array.from(values);
      const edges = histogramEdges({ bins, threshold: 3 });
      const [fast, plain] = [new Float64Array(bins), new Float64Array(bins)];
      expect(countValues(data, fast, edges, countPlainly)).toBe(true);
      countPlainly(data, plain, edges);
      expect(fast).toEqual(plain);
    }));
  });

  it.each([64, 65_535, 65_536, 65_537, 65_543, 131_075])("have the extremes that Math.min and Math.max find, %i of them", (count) => {
    const data = Float32Array.from({ length: count }, (_, i) => Math.cos(i) * i);
    expect(valueExtremes(data)).toEqual({ min: data.reduce((a, b) => Math.min(a, b)), max: data.reduce((a, b) => Math.max(a, b)), finite: true });
    data[count - 1] = NaN;
    expect(valueExtremes(data)!.finite).toBe(false);
  });
});

describe("the search of k-quants", () => {
  const value = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true, min: -3, max: 3 }), fc.constantFrom(0, -0, 1, -1, 1e-30, 1e30));
  const block = fc.constantFrom(8, 16, 32, 64, 128).chain((size) => fc.oneof(fc.array(value, { minLength: size, maxLength: size }), value.map((v) => new Array<number>(size).fill(v))));

  it("finds what the plain loops find, to the last bit", () => {
    fc.assert(fc.property(block, fc.constantFrom(2 as const, 4 as const, 8 as const), (values, bits) => {
      const x = Float32Array.from([9, ...values]);
      const [fast, plain] = [newFitted(values.length), newFitted(values.length)];
      kQuantFit(bits)(x, 1, fast);
      plainKQuantFit(bits)(x, 1, plain);
      expect({ ...fast, scale: fast.scale + 0, zero: fast.zero + 0 }).toEqual({ ...plain, scale: plain.scale + 0, zero: plain.zero + 0 });
    }), { numRuns: 400 });
  });

  it("of several widths can be used in turns", () => {
    const x = Float32Array.from({ length: 32 }, (_, i) => Math.sin(i * i));
    const fits = ([2, 4, 8] as const).map((bits) => ({ fast: kQuantFit(bits), plain: plainKQuantFit(bits) }));
    for (const { fast, plain } of [...fits, ...fits.toReversed()]) {
      const [found, expected] = [newFitted(32), newFitted(32)];
      fast(x, 0, found);
      plain(x, 0, expected);
      expect(found).toEqual(expected);
    }
  });

  it.each([NaN, Infinity, -Infinity])("tells of %s", (bad) => {
    for (const at of [0, 5, 31]) {
      const x = new Float32Array(32).fill(1);
      x[at] = bad;
      const out = newFitted(32);
      kQuantFit(4)(x, 0, out);
      expect(out.check).toBeNaN();
    }
  });
});

describe("blocks of a matrix", () => {
  const special = fc.constantFrom(0, -0, 1, -1, 0.5, 7.5, 1e-30, -1e30, 3e38, -3e38, 1e-40, 2 ** -149);
  const plain = fc.float({ noNaN: true, noDefaultInfinity: true, min: -3, max: 3 });
  // Multiples of an eighth beside a scale of a power of two: ties everywhere.
  const ties = fc.integer({ min: -64, max: 64 }).map((v) => v / 8);
  const value = fc.constantFrom(plain, ties, fc.oneof({ weight: 5, arbitrary: plain }, special), fc.constant(0)).chain((of) => of);
  const matrix = fc.record({
    blockSize: fc.constantFrom(16, 32, 64, 128, 256), k: fc.integer({ min: 1, max: 530 }), n: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 9 }) }, fc.constantFrom(511, 512, 514, 1030)),
    algorithm: fc.constantFrom("default" as const, "rtn" as const, "table" as const), bits: fc.constantFrom(2 as const, 4 as const, 8 as const), symmetric: fc.boolean(), transposed: fc.boolean(),
    dtype: fc.constantFrom("float32" as const, "float16" as const, "bfloat16" as const), some: fc.array(value, { minLength: 1, maxLength: 700 }),
  });

  const viewOf = ({ k, n, some, dtype, transposed }: { k: number; n: number; some: readonly number[]; dtype: DType; transposed: boolean }): MatrixView => {
    const half = dtype === "float16";
    const data = Float32Array.from({ length: k * n }, (_, i) => (half ? Math.max(-6e4, Math.min(6e4, some[(i * 7) % some.length]!)) : some[(i * 7) % some.length]!));
    return { tensor: Tensor.from("float32", transposed ? [n, k] : [k, n], data).cast(dtype), name: "w", k, n, transposed };
  };
  /** A fit of one's own keeps the kernel out; what it leaves behind the end of a column is not looked at. */
  const content = (m: QuantizedMatrix): Buffer => Buffer.concat([m.scales, m.zeros ?? new Uint8Array(0), dequantizeMatrix(m)].map((a) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength)));

  it("are to the last bit what the plain loops make of them, in every layout and type", () => {
    fc.assert(fc.property(matrix, ({ blockSize, algorithm, bits, symmetric, ...given }) => {
      const view = viewOf(given);
      const options = { bits, blockSize, symmetric, algorithm: algorithm === "table" ? ("default" as const) : algorithm };
      const [fast, slow] = algorithm === "table"
        ? [quantizeTable(view, options), quantizeMatrix(view, options, tableFit(bits, symmetric))]
        : [quantizeMatrix(view, options), quantizeMatrix(view, options, blockFit(options))];
      expect(content(fast).equals(content(slow))).toBe(true);
    }), { numRuns: 200 });
  });

  it.each([["float32", [NaN, Infinity, -Infinity]], ["float16", [NaN, Infinity, -Infinity]]] as const)("of %s are refused where a value is not finite, wherever it stands", (dtype, bads) => {
    for (const bad of bads) {
      for (const transposed of [false, true]) {
        for (const at of [0, 3, 40 * 600 - 1]) {
          const data = new Float32Array(40 * 600).fill(1);
          data[at] = bad;
          const tensor = Tensor.from("float32", transposed ? [600, 40] : [40, 600], data).cast(dtype);
          expect(() => quantizeMatrix({ tensor, name: "w", k: 40, n: 600, transposed }, { algorithm: "default", bits: 4, blockSize: 32, symmetric: true })).toThrow(/QUANT_WEIGHT_NOT_FINITE/);
        }
      }
    }
  });

  it("widen every float16 as the codec does", () => {
    const codes = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).filter((code) => (code & 0x7c00) !== 0x7c00);
    const tensor = Tensor.fromBytes("float16", [codes.length, 1], new Uint8Array(codes.buffer));
    const options = { algorithm: "rtn", bits: 8, blockSize: 16, symmetric: true } as const;
    const view = { tensor, name: "w", k: codes.length, n: 1, transposed: false };
    expect(content(quantizeMatrix(view, options)).equals(content(quantizeMatrix(view, options, blockFit(options))))).toBe(true);
  });
});

describe("the assembler", () => {
  it("encodes loops, memory and numbers of every size", () => {
    // sum += i * 300000 for i in [from, to), from negative to positive: both signs and several bytes of LEB128.
    const sum = define({ from: "i32", to: "i32" }, { total: "i32" }, (l) => [
      loopWhile(i32.lt(l.from.get, l.to.get), l.total.set(i32.add(l.total.get, i32.mul(l.from.get, i32.const(300_000)))), l.from.set(i32.sub(l.from.get, i32.const(-1)))),
      i32.store(200_000, i32.const(-0), l.total.get),
      f32.store(4, i32.const(16), f32.const(-0.1)),
    ]);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble({ sum }, 4)));
    (exports.sum as (a: number, b: number) => void)(-70, 100);
    const { buffer } = exports.memory as WebAssembly.Memory;
    expect(new Int32Array(buffer, 200_000, 1)[0]).toBe(300_000 * Array.from({ length: 170 }, (_, i) => i - 70).reduce((a, b) => a + b));
    expect(new Float32Array(buffer, 20, 1)[0]).toBe(Math.fround(-0.1));
  });
});
