/** How one tensor is quantized: the defaults of the run, changed by what the caller says of that tensor. */
import type { Tensor } from "@lathe/core";
import { quantizeBlocked } from "./blocked.ts";
import { quantizeErrors } from "./errors.ts";
import { integerRange, isFloat8, isSigned, quantParams, restrictedAsymmetric, type QuantParams, type QuantType } from "./params.ts";
import { normalizeAxis, quantizeWeight, weightParams, type QuantizedWeight } from "./quantize-tensor.ts";

/** Least and greatest real value of a tensor. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What a caller may say of one tensor; what is left out keeps the default of the run. */
export interface TensorOverride {
  readonly dtype?: QuantType | undefined;
  readonly symmetric?: boolean | undefined;
  readonly reduceRange?: boolean | undefined;
  /** In place of the calibrated (or, for a constant, the real) range. */
  readonly range?: Range | undefined;
  /** Fixed parameters: one pair, or one per channel along `axis`. */
  readonly params?: readonly QuantParams[] | undefined;
  /** Per-channel axis of a constant; null: per tensor. */
  readonly axis?: number | null | undefined;
  /** A second type for some consumers (mixed precision): Q, DQ, Q, DQ. */
  readonly convert?: ConvertOverride | undefined;
}

export interface ConvertOverride {
  readonly dtype: QuantType;
  readonly symmetric?: boolean | undefined;
  readonly range?: Range | undefined;
  readonly params?: readonly QuantParams[] | undefined;
  /** Names of the consumers that get the second type; default: all. */
  readonly nodes?: readonly string[] | undefined;
}

export type Overrides = Readonly<Record<string, TensorOverride>>;

/** Types and ranges of a run. */
export interface TypeOptions {
  readonly activationType: QuantType;
  readonly weightType: QuantType;
  readonly symmetricActivations: boolean;
  /** Default: symmetric when the weight type is signed. */
  readonly symmetricWeights?: boolean | undefined;
  /** Leaves a bit of the weights free, for CPUs whose int8 dot product saturates. */
  readonly reduceRange: boolean;
  /** uint8 activations with zero point 0 or 128 only. */
  readonly restrictedAsymmetric: boolean;
  /** Widen int8 weights where neighbouring products can overflow 16 bits (x64 without VNNI). */
  readonly saturationSafe: boolean;
  readonly minimumRealRange?: number | undefined;
  /** Elements a block of a rank-2 weight; 0: no blocks. */
  readonly blockSize: number;
}

export interface TensorSpec {
  readonly dtype: QuantType;
  readonly symmetric: boolean;
  readonly reduceRange: boolean;
  readonly axis: number | undefined;
  readonly blockSize: number;
  readonly range?: Range | undefined;
  readonly params?: readonly QuantParams[] | undefined;
}

export function activationSpec(options: TypeOptions, override: Omit<TensorOverride, "convert"> = {}): TensorSpec {
  const dtype = override.dtype ?? options.activationType;
  return {
    dtype,
    symmetric: isFloat8(dtype) || (override.symmetric ?? options.symmetricActivations),
    reduceRange: override.reduceRange ?? false,
    axis: undefined,
    blockSize: 0,
    range: override.range,
    params: override.params,
  };
}

/** `axis` is where the placement rule wants channels; undefined: per tensor. */
export function constantSpec(role: "weight" | "activation", axis: number | undefined, rank: number, options: TypeOptions, override: TensorOverride = {}): TensorSpec {
  const dtype = override.dtype ?? (role === "weight" ? options.weightType : options.activationType);
  const blocked = role === "weight" && options.blockSize > 0 && rank === 2 && override.params === undefined;
  const at = axis ?? (blocked ? 0 : undefined);
  // Per-channel weights are symmetric, because QLinearConv wants one zero point for all channels.
  const byRole = role === "weight" ? (options.symmetricWeights ?? isSigned(dtype)) : options.symmetricActivations;
  return {
    dtype,
    symmetric: isFloat8(dtype) || (override.symmetric ?? (axis !== undefined || byRole)),
    reduceRange: override.reduceRange ?? options.reduceRange,
    axis: at,
    blockSize: blocked ? options.blockSize : 0,
    range: override.range,
    params: override.params,
  };
}

/** Parameters of an activation from its range. @throws QUANT_RANGE_NOT_FINITE */
export function activationParams(spec: TensorSpec, observed: Range, options: TypeOptions, tensor: string): QuantParams {
  if (spec.params) return spec.params[0]!;
  const { min, max } = spec.range ?? observed;
  if (!Number.isFinite(min) || !Number.isFinite(max)) throw quantizeErrors.QUANT_RANGE_NOT_FINITE({ tensor, min, max });
  const qrange = integerRange(spec.dtype, spec);
  if (options.restrictedAsymmetric && spec.dtype === "uint8" && !spec.symmetric) return restrictedAsymmetric(min, max, qrange, options.minimumRealRange);
  return quantParams(min, max, qrange, spec.symmetric, options.minimumRealRange);
}

/** Parameters of a constant; blocked ones are found while it is quantized. @throws QUANT_WEIGHT_NOT_FINITE, QUANT_AXIS */
export function constantParams(spec: TensorSpec, tensor: Tensor, options: TypeOptions, name: string): readonly QuantParams[] {
  if (spec.blockSize > 0) return [];
  const axis = spec.axis === undefined ? undefined : normalizeAxis(spec.axis, tensor.dims.length, name);
  const channels = axis === undefined ? 1 : tensor.dims[axis]!;
  if (spec.params) {
    if (spec.params.length !== channels) throw quantizeErrors.QUANT_PARAM_COUNT({ tensor: name, expected: channels, received: spec.params.length });
    return spec.params;
  }
  if (spec.range) {
    const one = quantParams(spec.range.min, spec.range.max, integerRange(spec.dtype, spec), spec.symmetric, options.minimumRealRange);
    return Array.from({ length: channels }, () => one);
  }
  return weightParams(tensor, { ...spec, axis, minimumRealRange: options.minimumRealRange }, name);
}

/** Integer values of a constant with their parameters. */
export function quantizeConstant(spec: TensorSpec, params: readonly QuantParams[], tensor: Tensor, name: string): QuantizedWeight {
  if (spec.blockSize > 0) return quantizeBlocked(tensor, { ...spec, axis: normalizeAxis(spec.axis ?? 0, 2, name) as 0 | 1 }, name);
  return quantizeWeight(tensor, params, spec.dtype, spec.axis);
}



/** `range` cut to what was observed. */
export const restrictTo = (observed: Range, range: Range): Range => ({ min: Math.max(range.min, observed.min), max: Math.min(range.max, observed.max) });
