import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { Tensor, byteLengthOf, dtypeFromId, dtypes, lazyStorage, packCodes, unpackCodes, type DType } from "@lathe/core";

describe("the dtype table", () => {
  it("knows every ONNX element type by id", () => {
    expect(Object.values(dtypes).map((d) => d.id).sort((a, b) => a - b)).toEqual(Array.from({ length: 26 }, (_, i) => i + 1));
    expect(dtypeFromId(16)).toBe("bfloat16");
    expect(dtypeFromId(99)).toBeUndefined();
  });

  it("rounds packed sizes up to whole bytes", () => {
    expect([byteLengthOf("int4", 3), byteLengthOf("uint2", 5), byteLengthOf("float16", 3), byteLengthOf("complex128", 2)]).toEqual([2, 2, 6, 32]);
  });
});

describe("a tensor", () => {
  it("uses a matching typed array without a copy", () => {
    const data = Float32Array.of(1, 2, 3, 4);
    expect(Tensor.from("float32", [2, 2], data).toFloat32().buffer).toBe(data.buffer);
  });

  it("copies only when the bytes are misaligned", () => {
    const bytes = new Uint8Array(new Float32Array([0, 1, 2]).buffer);
    const shifted = new Uint8Array(13);
    shifted.set(bytes, 1);
    expect([...Tensor.fromBytes("float32", [3], shifted.subarray(1)).toFloat32()]).toEqual([0, 1, 2]);
  });

  it("refuses a size that contradicts the shape", () => {
    expect(() => Tensor.fromBytes("float32", [2], new Uint8Array(4))).toThrow(/TENSOR_SIZE.*8 bytes but 4/);
    expect(() => Tensor.from("float32", [-1], [])).toThrow(/TENSOR_DIMS/);
    expect(() => Tensor.from("string", [2], ["a"])).toThrow(/TENSOR_SIZE/);
  });

  it("keeps int64 exact", () => {
    const big = 2n ** 62n + 1n;
    expect(Tensor.int64([big, -1]).toBigInts()).toEqual([big, -1n]);
    expect(Tensor.int64([big]).cast("uint64").toBigInts()).toEqual([big]);
  });

  it("sign-extends int4 and int2", () => {
    expect(Tensor.from("int4", [4], [-8, 7, -1, 0]).toNumbers()).toEqual([-8, 7, -1, 0]);
    expect(Tensor.from("int2", [4], [-2, 1, -1, 0]).toNumbers()).toEqual([-2, 1, -1, 0]);
    expect(Tensor.from("uint4", [2], [20, -3]).toNumbers()).toEqual([15, 0]);
  });

  it("holds strings", () => {
    expect(Tensor.fromStrings([2], ["π", "b"]).strings()).toEqual(["π", "b"]);
    expect(() => Tensor.fromStrings([1], ["a"]).toFloat32()).toThrow(/TENSOR_DTYPE/);
  });

  it("computes lazy bytes once, on first use", () => {
    let calls = 0;
    const tensor = new Tensor("uint8", [2], lazyStorage(2, () => (calls++, Uint8Array.of(1, 2))));
    expect(calls).toBe(0);
    tensor.bytes();
    expect([...tensor.data()]).toEqual([1, 2]);
    expect(calls).toBe(1);
  });

  it("reshapes with one inferred dimension", () => {
    expect(Tensor.from("float32", [6], [0, 1, 2, 3, 4, 5]).reshape([2, -1]).dims).toEqual([2, 3]);
  });

  const exact: readonly (readonly [DType, fc.Arbitrary<number>])[] = [
    ["int8", fc.integer({ min: -128, max: 127 })], ["uint16", fc.integer({ min: 0, max: 65535 })], ["int32", fc.integer()],
    ["int4", fc.integer({ min: -8, max: 7 })], ["uint2", fc.integer({ min: 0, max: 3 })], ["float64", fc.double({ noNaN: true })], ["int64", fc.maxSafeInteger()],
  ];
  it.each(exact)("%s values survive a round trip", (dtype, element) => {
    fc.assert(fc.property(fc.array(element, { maxLength: 40 }), (values) => {
      expect(Tensor.from(dtype, [values.length], values).toNumbers()).toEqual(dtype === "float64" ? values : values.map((v) => v + 0));
    }));
  });

  it.each([2, 4] as const)("%i-bit codes pack low bits first and unpack to themselves", (bits) => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 2 ** bits - 1 })), (codes) => {
      expect([...unpackCodes(packCodes(codes, bits), bits, codes.length)]).toEqual(codes);
    }));
    expect(packCodes([1, 2], 4)[0]).toBe(0x21);
  });
});
