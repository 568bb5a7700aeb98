import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { Tensor, bfloat16FromBits, decodeSmallFloat, decodeTable, encodeSmallFloat, float16FromBits, roundHalfEven, type SmallFloat } from "@lathe/core";

interface Golden {
  readonly values: readonly number[];
  readonly codes: Readonly<Record<string, readonly number[]>>;
  readonly decoded: Readonly<Record<string, readonly (number | string | null)[]>>;
}
const golden = JSON.parse(readFileSync(new URL("../../../fixtures/core/small-floats.json", import.meta.url), "utf8")) as Golden;
const largest: Partial<Record<SmallFloat, number>> = { float8e4m3fn: 448, float8e4m3fnuz: 240, float8e5m2: 57344, float8e5m2fnuz: 57344 };

describe("small floats", () => {
  it.each(Object.keys(golden.codes) as SmallFloat[])("%s rounds like the reference where the value is in range", (dtype) => {
    golden.values.forEach((value, i) => {
      const limit = largest[dtype];
      if (limit !== undefined && Math.abs(value) > limit) return;
      const code = golden.codes[dtype]![i]!;
      expect([value, encodeSmallFloat(value, dtype)]).toEqual([value, code]);
    });
  });

  it.each(Object.keys(golden.decoded) as SmallFloat[])("every code of %s has its exact value", (dtype) => {
    golden.decoded[dtype]!.forEach((value, code) => {
      const expected = value === null ? NaN : typeof value === "number" ? value : Number(value.replace("inf", "Infinity"));
      expect([code, decodeSmallFloat(code, dtype)]).toEqual([code, expected]);
    });
  });

  it("saturates the 8-bit formats by default and overflows to infinity or NaN when told not to", () => {
    expect(decodeSmallFloat(encodeSmallFloat(1e6, "float8e4m3fn"), "float8e4m3fn")).toBe(448);
    expect(decodeSmallFloat(encodeSmallFloat(1e6, "float8e4m3fn", false), "float8e4m3fn")).toBeNaN();
    expect(decodeSmallFloat(encodeSmallFloat(-1e6, "float8e5m2", false), "float8e5m2")).toBe(-Infinity);
    expect(decodeSmallFloat(encodeSmallFloat(65520, "float16"), "float16")).toBe(Infinity);
    expect(decodeSmallFloat(encodeSmallFloat(65519, "float16"), "float16")).toBe(65504);
  });

  it("refuses NaN where a format has none", () => {
    expect(() => encodeSmallFloat(NaN, "float4e2m1")).toThrow(/NAN_NOT_REPRESENTABLE/);
  });

  it("rounds e8m0 up to a power of two", () => {
    expect([1, 1.5, 2, 0.75, 0, NaN].map((x) => encodeSmallFloat(x, "float8e8m0"))).toEqual([127, 128, 128, 127, 0, 255]);
  });

  it.each(["float16", "bfloat16"] as const)("the %s bit path equals the general one, and every code round-trips", (dtype) => {
    const bitPath = dtype === "float16" ? float16FromBits : bfloat16FromBits;
    const word = new Float32Array(1);
    const bits = new Uint32Array(word.buffer);
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (x) => {
        word[0] = x;
        expect(bitPath(bits[0]!)).toBe(encodeSmallFloat(x, dtype));
      }),
      { numRuns: 5000 },
    );
    const table = decodeTable(dtype);
    for (let code = 0; code < 65536; code++) if (!Number.isNaN(table[code]!)) expect(encodeSmallFloat(table[code]!, dtype)).toBe(code);
  });

  it("rounds ties to even", () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999].map(roundHalfEven)).toEqual([0, 2, 2, 0, -2, 2]);
  });

  it("round-trips through tensors", () => {
    const halves = Tensor.from("float16", [3], [1, -2.5, 65504]);
    expect([...halves.toFloat32()]).toEqual([1, -2.5, 65504]);
    expect([...Tensor.from("float32", [2], [1.1, -7]).cast("float8e4m3fn").toFloat32()]).toEqual([1.125, -7]);
  });
});
