import { describe, expect, it } from "vitest";
import { Tensor } from "@lathe/core";
import { adjustForBias, quantizeBlocked, integerRange, quantParams, quantizeBias, quantizeWeight, restrictedAsymmetric, weightParams, type QuantType } from "@lathe/quantize";
import { bytes, float32, golden, lower, numbers, type GoldenArray } from "./golden.ts";

interface ScaleGolden {
  types: string[];
  rmin: GoldenArray;
  rmax: GoldenArray;
  type: GoldenArray;
  symmetric: GoldenArray;
  reduceRange: GoldenArray;
  minimumRealRange: GoldenArray;
  scale: GoldenArray;
  zeroPoint: GoldenArray;
  restrictedAsymmetricUint8: Omit<ScaleGolden, "restrictedAsymmetricUint8">;
}

const columns = (g: Omit<ScaleGolden, "restrictedAsymmetricUint8">) => ({
  rmin: numbers(g.rmin), rmax: numbers(g.rmax), width: numbers(g.minimumRealRange), scale: numbers(g.scale), zeroPoint: numbers(g.zeroPoint),
});

describe("scale and zero point", () => {
  const g = golden<ScaleGolden>("scale-zero-point");

  it("are those of ONNX Runtime's tool, bit for bit, on 10,000 ranges", () => {
    const { rmin, rmax, width, scale, zeroPoint } = columns(g);
    const [type, symmetric, reduceRange] = [numbers(g.type), numbers(g.symmetric), numbers(g.reduceRange)];
    for (let i = 0; i < rmin.length; i++) {
      const options = { symmetric: symmetric[i] === 1, reduceRange: reduceRange[i] === 1 };
      const range = integerRange(lower(g.types[type[i]!]!) as QuantType, options);
      const got = quantParams(rmin[i]!, rmax[i]!, range, options.symmetric, width[i] || undefined);
      if (got.scale !== scale[i] || got.zeroPoint !== zeroPoint[i]) expect({ i, ...got }).toEqual({ i, scale: scale[i], zeroPoint: zeroPoint[i] });
    }
    expect(rmin).toHaveLength(10_000);
  });

  it("snap to 0 or the middle for restricted asymmetric uint8, bit for bit, on 1,000 ranges", () => {
    const { rmin, rmax, width, scale, zeroPoint } = columns(g.restrictedAsymmetricUint8);
    for (let i = 0; i < rmin.length; i++) {
      const got = restrictedAsymmetric(rmin[i]!, rmax[i]!, [0, 255], width[i] || undefined);
      if (got.scale !== scale[i] || got.zeroPoint !== zeroPoint[i]) expect({ i, ...got }).toEqual({ i, scale: scale[i], zeroPoint: zeroPoint[i] });
    }
    expect(rmin).toHaveLength(1_000);
  });
});

interface WeightGolden {
  samples: {
    name: string;
    weight: GoldenArray;
    cases: { type: string; symmetric: boolean; reduceRange: boolean; axis: number | null; scale: GoldenArray; zeroPoint: GoldenArray; raw: GoldenArray }[];
  }[];
}

describe("weights", () => {
  for (const { name, weight, cases } of golden<WeightGolden>("weights").samples) {
    it(`${name}: ${cases.length} combinations of type, symmetry, range and axis equal ONNX Runtime's to the byte`, () => {
      const tensor = Tensor.from("float32", weight.shape, float32(weight));
      for (const c of cases) {
        const dtype = lower(c.type) as QuantType;
        const axis = c.axis ?? undefined;
        const params = weightParams(tensor, { dtype, axis, symmetric: c.symmetric, reduceRange: c.reduceRange });
        const zeroPoints = numbers(c.zeroPoint);
        // On purpose: an all-zero channel has its neighbours' zero point here and 0 there; the dequantized values are the same.
        const unified = c.symmetric && axis !== undefined && new Set(zeroPoints).size > 1;
        const label = JSON.stringify({ dtype, axis, symmetric: c.symmetric, reduce: c.reduceRange });
        expect(params.map((p) => p.scale), label).toEqual(numbers(c.scale));
        if (unified) {
          expect(new Set(params.map((p) => p.zeroPoint)).size, label).toBe(1);
          const theirs = params.map((p, i) => ({ ...p, zeroPoint: zeroPoints[i]! }));
          expect(Buffer.from(quantizeWeight(tensor, theirs, dtype, axis).values.bytes()), label).toEqual(Buffer.from(bytes(c.raw)));
        } else {
          expect(params.map((p) => p.zeroPoint), label).toEqual(zeroPoints);
          expect(Buffer.from(quantizeWeight(tensor, params, dtype, axis).values.bytes()), label).toEqual(Buffer.from(bytes(c.raw)));
        }
      }
    });
  }
});

interface BiasGolden {
  cases: { op: string; bias: string; perChannel: boolean; weightType: string; axis: number | null; w: GoldenArray; b: GoldenArray; beta: number | null; attributes: { beta?: number }; made: Record<string, GoldenArray> }[];
}

describe("biases", () => {
  it.each(golden<BiasGolden>("bias").cases)("$op, $bias bias, $weightType weights, per channel $perChannel", (c) => {
    const dtype = lower(c.weightType) as QuantType;
    const axis = c.perChannel ? (c.axis ?? undefined) : undefined;
    const w = Tensor.from("float32", c.w.shape, float32(c.w));
    const b = Tensor.from("float32", c.b.shape, float32(c.b));
    const symmetric = axis !== undefined || dtype === "int8" || dtype === "int16";
    let params: readonly { scale: number; zeroPoint: number }[] = weightParams(w, { dtype, axis, symmetric });
    const inputScale = numbers(c.made.x_scale!)[0]!;
    if (dtype === "int8" || dtype === "int16") params = adjustForBias(b, inputScale, params);
    const made = quantizeBias(b, inputScale, params.map((p) => p.scale), c.attributes.beta ?? 1);
    expect(params.map((p) => p.scale)).toEqual(numbers(c.made.w_scale!));
    expect(numbers(c.made.w_quantized!).length).toBe(w.size);
    expect(Buffer.from(quantizeWeight(w, params, dtype, axis).values.bytes())).toEqual(Buffer.from(bytes(c.made.w_quantized!)));
    expect(Array.from(made.scale.toFloat32())).toEqual(numbers(c.made.b_quantized_scale!));
    expect(made.values.toNumbers()).toEqual(numbers(c.made.b_quantized!));
  });
});

interface BlockedGolden {
  cases: { type: string; symmetric: boolean; axis: 0 | 1; blockSize: number; weight: GoldenArray; scale: GoldenArray; zeroPoint: GoldenArray; raw: GoldenArray }[];
}

describe("blocked weights (opset 21)", () => {
  it.each(golden<BlockedGolden>("blocked-weights").cases)("$type, symmetric $symmetric, axis $axis, block $blockSize", (c) => {
    const made = quantizeBlocked(Tensor.from("float32", c.weight.shape, float32(c.weight)), {
      dtype: lower(c.type) as QuantType, axis: c.axis, blockSize: c.blockSize, symmetric: c.symmetric,
    });
    expect(made.scale.dims).toEqual(c.scale.shape);
    expect(made.scale.toFloat32()).toEqual(float32(c.scale));
    expect(made.zeroPoint.toNumbers()).toEqual(numbers(c.zeroPoint));
    expect(Buffer.from(made.values.bytes())).toEqual(Buffer.from(bytes(c.raw)));
  });
});
