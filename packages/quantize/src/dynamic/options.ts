import type { QuantType } from "../params.ts";

export interface DynamicOptions {
  readonly weightType: QuantType;
  /** Scale and zero point for each output column of a MatMul weight and each gate of an LSTM. */
  readonly perChannel: boolean;
  readonly reduceRange: boolean;
  readonly symmetricWeights?: boolean | undefined;
  /** Type of Conv kernels; default: the weight type. */
  readonly convWeightType?: QuantType | undefined;
  /** One scale for each output channel of a Conv kernel. */
  readonly perChannelConv: boolean;
  /** Also quantize depthwise and grouped convolutions. */
  readonly groupedConv: boolean;
  /** Only MatMuls with a constant right side. */
  readonly constantOnly: boolean;
}

/** Operators that dynamic quantization knows. */
export const dynamicOpTypes: readonly string[] = ["MatMul", "Gemm", "Conv", "LSTM", "Gather", "Attention"];
