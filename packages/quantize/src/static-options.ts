/** From the options of static quantization to those of planner and emitter, and what they ask of the model. */
import { quantizeErrors } from "./errors.ts";
import type { StaticOptions } from "./options.ts";
import { isFloat8, isSigned, qdqOpset, type QuantType } from "./params.ts";
import type { PlanOptions } from "./plan.ts";
import type { EmitOptions } from "./qdq.ts";

/** The planner's options, defaults filled in. */
export function toPlanOptions(options: StaticOptions): PlanOptions {
  return {
    placement: options.placement ?? "onnxruntime",
    activationType: options.activationType ?? "uint8",
    weightType: options.weightType ?? "int8",
    perChannel: options.perChannel ?? true,
    symmetricActivations: options.symmetricActivations ?? false,
    symmetricWeights: options.symmetricWeights,
    reduceRange: options.reduceRange ?? false,
    saturationSafe: options.saturationSafe ?? false,
    restrictedAsymmetric: options.restrictedAsymmetric ?? false,
    minimumRealRange: options.minimumRealRange,
    blockSize: options.blockSize ?? 0,
    fuseActivations: (options.fuseActivations ?? true) && !options.blockSize,
    quantizeBias: (options.quantizeBias ?? true) && !options.blockSize,
    quantizeMoves: options.quantizeMoves ?? false,
    floatOutputs: options.floatOutputs ?? [],
    channelAxes: options.channelAxes ?? {},
    overrides: options.overrides ?? {},
  };
}

/** Types outside int8 and uint8 came to ai.onnx late; com.microsoft has them in any opset. */
export function toEmitOptions(options: StaticOptions, plan: PlanOptions, opset: number): EmitOptions {
  const late = Math.max(...usedTypes(plan).map(qdqOpset));
  return {
    domain: options.contribOps || late > opset ? "com.microsoft" : "",
    weightPairs: options.weightPairs ?? false,
    dedicatedPairs: options.dedicatedPairs ?? false,
    graphOutputs: options.graphOutputs ?? true,
    biasZeroPoint: options.biasZeroPoint ?? true,
    adjustBias: options.adjustBias ?? true,
    bodies: options.bodies,
  };
}

function usedTypes(plan: PlanOptions): QuantType[] {
  const overrides = Object.values(plan.overrides).flatMap((o) => [o.dtype, o.convert?.dtype]);
  return [plan.activationType, plan.weightType, ...overrides.filter((t): t is QuantType => t !== undefined)];
}

/** Per-channel parameters came with 13. Blocks and float8 exist in newer ai.onnx only; 16- and 4-bit types also in com.microsoft. */
export function neededOpset(plan: PlanOptions, options: StaticOptions): { least: number; wanted: number } {
  const types = usedTypes(plan);
  const least = plan.blockSize > 0 ? 21 : types.some(isFloat8) ? 19 : 13;
  return { least, wanted: options.contribOps ? least : Math.max(least, ...types.map(qdqOpset)) };
}

/** @throws QUANT_COMBINATION */
export function checkTypes({ activationType: activation, weightType: weight }: PlanOptions): void {
  const refuse = (reason: string): never => {
    throw quantizeErrors.QUANT_COMBINATION({ activation, weight, reason });
  };
  if (isFloat8(activation) !== isFloat8(weight)) refuse("float8 goes with float8 only");
  if (activation === "int8" && weight === "uint8") refuse("ONNX Runtime has no kernel for signed activations with unsigned weights");
  if (activation === "int4" || activation === "uint4") refuse("4-bit activations have no kernel anywhere");
  if (isSigned(activation) && weight === "uint4") refuse("ONNX Runtime has no kernel for it");
}
