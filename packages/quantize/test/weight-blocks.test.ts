/** The arithmetic of weight-only formats, bit for bit as ONNX Runtime's tools have it; packing; error bounds. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Tensor } from "@lathe/core";
import {
  bnb4Codebook, dequantizeBnb4, dequantizeMatrix, packZeros, quantizeBnb4, quantizeMatrix, quantizeTable, storedBytes, storedParams, storedZeros,
  type Bits, type BlockAlgorithm, type MatrixView,
} from "@lathe/quantize";
import { bytes, float32, golden, type GoldenArray } from "./golden.ts";

interface Content { readonly type: string; readonly dims: readonly number[]; readonly raw: GoldenArray }
interface NbitsCase {
  readonly algorithm: "default" | "rtn" | "k_quant"; readonly format: "QOperator" | "QDQ"; readonly symmetric: boolean; readonly blockSize: number; readonly bits: Bits;
  readonly inputs: Readonly<Record<string, Content>>;
}
const nbits = golden<{ samples: readonly { name: string; weight: GoldenArray; cases: readonly NbitsCase[] }[] }>("matmul-nbits");
const tables = golden<{ cases: readonly { table: GoldenArray; quantizeAxis: number; blockSize: number; symmetric: boolean; raw: GoldenArray; scales: GoldenArray; zeroPoints: GoldenArray | null }[] }>("gather-block-quantized");
const bnb4 = golden<{ cases: readonly { quantType: "FP4" | "NF4"; blockSize: number; weight: GoldenArray; packed: GoldenArray; absmax: GoldenArray }[] }>("matmul-bnb4");

const viewOf = (weight: GoldenArray): MatrixView => {
  const [k, n] = weight.shape as [number, number];
  return { tensor: Tensor.from("float32", weight.shape, float32(weight)), name: "w", k, n, transposed: false };
};
const flip = (view: MatrixView): MatrixView => {
  const data = view.tensor.toFloat32();
  const { k, n } = view;
  return { ...view, tensor: Tensor.from("float32", [n, k], Float32Array.from(data, (_, i) => data[(i % k) * n + Math.floor(i / k)]!)), transposed: true };
};
const raw = (array: Float32Array | Uint8Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const hex = (array: Float32Array | Uint8Array | undefined): string | undefined => array && Buffer.from(raw(array)).toString("hex");
const named = { k_quant: "k-quant", rtn: "rtn", default: "default" } as const satisfies Record<string, BlockAlgorithm>;

describe("MatMulNBits", () => {
  for (const { name, weight, cases } of nbits.samples) {
    it.each(cases.map((c) => [`${c.algorithm} ${c.format} ${c.bits} bits, blocks of ${c.blockSize}, ${c.symmetric ? "symmetric" : "asymmetric"}`, c] as const))(`has the tool's bytes: ${name}, %s`, (_, c) => {
      const [codes, scales, zeros] = Object.values(c.inputs).map((content) => hex(bytes(content.raw)));
      for (const view of [viewOf(weight), flip(viewOf(weight))]) {
        const made = quantizeMatrix(view, { algorithm: named[c.algorithm], bits: c.bits, blockSize: c.blockSize, symmetric: c.symmetric, signed: c.format === "QDQ" });
        if (c.format === "QDQ") {
          expect(hex(storedBytes(made, false, c.symmetric))).toBe(codes);
          expect(hex(storedParams(made.scales, made.n, false))).toBe(scales);
          expect(hex(storedZeros(made, false, c.symmetric))).toBe(zeros);
          continue;
        }
        expect(hex(made.packed)).toBe(codes);
        expect(hex(made.scales)).toBe(scales);
        expect(made.zeros && hex(packZeros(made.zeros as Uint8Array, made.n, c.bits).bytes)).toBe(zeros);
      }
    });
  }
});

describe("GatherBlockQuantized", () => {
  it.each(tables.cases.map((c) => [`${c.table.shape.join("x")} along axis ${c.quantizeAxis}, blocks of ${c.blockSize}, ${c.symmetric ? "int4" : "uint4"}`, c] as const))("has the tool's bytes: %s", (_, c) => {
    const transposed = c.quantizeAxis === c.table.shape.length - 1;
    const k = c.table.shape[c.quantizeAxis]!;
    const view = { ...viewOf(c.table), k, n: float32(c.table).length / k, transposed };
    const made = quantizeTable(view, { bits: 4, blockSize: c.blockSize, symmetric: c.symmetric });
    expect(hex(storedBytes(made, transposed, c.symmetric))).toBe(hex(bytes(c.raw)));
    expect(hex(storedParams(made.scales, made.n, transposed))).toBe(hex(bytes(c.scales)));
    expect(hex(storedZeros(made, transposed, c.symmetric))).toBe(c.zeroPoints ? hex(bytes(c.zeroPoints)) : undefined);
  });
});

describe("MatMulBnb4", () => {
  it.each(bnb4.cases.map((c) => [`${c.quantType} ${c.weight.shape.join("x")}, blocks of ${c.blockSize}`, c] as const))("has the tool's bytes: %s", (_, c) => {
    const made = quantizeBnb4(viewOf(c.weight), c.quantType === "NF4" ? "nf4" : "fp4", c.blockSize);
    expect(hex(made.absmax)).toBe(hex(bytes(c.absmax)));
    expect(hex(made.packed)).toBe(hex(bytes(c.packed)));
  });
});

const size = fc.integer({ min: 1, max: 70 });
const matrix = fc.record({ k: size, n: fc.integer({ min: 1, max: 40 }), seed: fc.integer({ min: 1, max: 1e6 }), shift: fc.constantFrom(0, 0.7, -3), transposed: fc.boolean() }).map(({ k, n, seed, shift, transposed }): MatrixView => {
  let state = seed;
  const next = (): number => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1 + shift;
  const dims = transposed ? [n, k] : [k, n];
  return { tensor: Tensor.from("float32", dims, Float32Array.from({ length: k * n }, next)), name: "w", k, n, transposed };
});
const eachWeight = ({ tensor, k, n, transposed }: MatrixView): { row: number; column: number; v: number }[] =>
  Array.from(tensor.data() as Float32Array, (v, i) => (transposed ? { row: i % k, column: Math.floor(i / k), v } : { row: Math.floor(i / n), column: i % n, v }));

describe("dequantized weights", () => {
  const schemes = [
    ...(["default", "rtn"] as const).flatMap((algorithm) => ([2, 4, 8] as const).flatMap((bits) => [true, false].map((symmetric) => ({ algorithm, bits, symmetric })))),
    ...([2, 4, 8] as const).map((bits) => ({ algorithm: "hqq" as const, bits, symmetric: false })),
  ];
  it.each(schemes.map((s) => [`${s.algorithm}, ${s.bits} bits, ${s.symmetric ? "symmetric" : "asymmetric"}`, s] as const))("are within a step and a half of the weights: %s", (_, scheme) => {
    fc.assert(
      fc.property(matrix, fc.constantFrom(16, 32), (view, blockSize) => {
        const made = quantizeMatrix(view, { ...scheme, blockSize });
        const blocks = Math.ceil(view.k / blockSize);
        const back = dequantizeMatrix(made);
        // The default's largest code falls one short of the extreme; RTN's range need not hold zero, and its zero point is clipped.
        const allowed = (step: number, v: number): number => (scheme.algorithm === "default" ? step * 1.001 : Math.max(step * 1.5, Math.abs(v))) + 1e-6;
        const beyond = eachWeight(view).filter(({ row, column, v }) => {
          const step = Math.abs(made.scales[column * blocks + Math.floor(row / blockSize)]!);
          return Math.abs(back[row * view.n + column]! - v) > allowed(step, v);
        });
        expect(beyond).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it.each(["nf4", "fp4"] as const)("are the nearest value of the codebook: %s", (type) => {
    const values = [...bnb4Codebook[type]].sort((a, b) => a - b);
    const widest = Math.max(...values.slice(1).map((v, i) => v - values[i]!));
    fc.assert(
      fc.property(matrix, fc.constantFrom(16, 64), (view, blockSize) => {
        const made = quantizeBnb4(view, type, blockSize);
        const back = dequantizeBnb4(made, type, view.k, view.n, blockSize);
        const beyond = eachWeight(view).filter(({ row, column, v }) => {
          const reach = made.absmax[Math.floor((column * view.k + row) / blockSize)]!;
          return Math.abs(back[row * view.n + column]! - v) > (widest / 2) * reach * 1.001 + 1e-6;
        });
        expect(beyond).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it("come back exactly when every weight is on the grid", () => {
    fc.assert(
      fc.property(fc.constantFrom<Bits>(2, 4, 8), fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 16, maxLength: 64 }), (bits, codes) => {
        const middle = 2 ** (bits - 1);
        const values = codes.map((c) => ((c % (2 * middle)) - middle) / 4);
        values[0] = -middle / 4;
        const view: MatrixView = { tensor: Tensor.from("float32", [values.length, 1], Float32Array.from(values)), name: "w", k: values.length, n: 1, transposed: false };
        const made = quantizeMatrix(view, { algorithm: "default", bits, blockSize: 64, symmetric: true });
        expect(Array.from(dequantizeMatrix(made))).toEqual(values.map((v) => v + 0));
      }),
    );
  });

  it("read the same from float16, and from pieces of a file", () => {
    fc.assert(
      fc.property(matrix, fc.constantFrom(1, 7, 4096), (view, piece) => {
        const half = { ...view, tensor: view.tensor.cast("float16") };
        const single = { ...view, tensor: half.tensor.cast("float32") };
        const content = half.tensor.bytes();
        function* chunks(): Generator<Uint8Array> {
          for (let i = 0; i < content.length; i += piece) yield content.subarray(i, i + piece);
        }
        const inFile = { ...view, tensor: new Tensor("float16", half.tensor.dims, { kind: "file", byteLength: content.length, bytes: () => content, chunks }) };
        const options = { algorithm: "default", bits: 4, blockSize: 16, symmetric: false } as const;
        const [a, b, c] = [single, half, inFile].map((v) => quantizeMatrix(v, options));
        expect(b).toEqual(a);
        expect(c).toEqual(a);
      }),
    );
  });
});
