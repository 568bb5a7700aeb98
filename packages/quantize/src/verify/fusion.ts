/** The proof of the pudding: what ONNX Runtime really makes of a quantized model, and whether it is faster than the float one. */
import type { Feeds, Model } from "@lathe/core";
import { quantizeErrors } from "../errors.ts";
import { whyFloat } from "./reasons.ts";

export interface FusionOptions {
  /** The float model, to time against; needs `feeds`. */
  readonly float?: Model | undefined;
  readonly feeds?: Feeds | undefined;
  /** Throw QUANT_SLOWER when the quantized model is not faster than the float one. */
  readonly failIfSlower?: boolean | undefined;
  /** Default 1. */
  readonly threads?: number | undefined;
  /** Timed rounds of each model. Default 15. */
  readonly rounds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FloatNodeReport {
  readonly node: string;
  readonly op: string;
  readonly reason: string;
  readonly remedy: string;
}

/** JSON. */
export interface FusionReport {
  /** Nodes on integer kernels, by operator. */
  readonly integer: Readonly<Record<string, number>>;
  readonly integerNodes: number;
  /** Convolutions, matrix products and recurrent layers that stay float, and why. */
  readonly float: readonly FloatNodeReport[];
  readonly floatMs?: number;
  readonly quantizedMs?: number;
  /** Float time / quantized time, both measured in turn. */
  readonly speedup?: number;
}

/**
 * Loads the model in ONNX Runtime (through @lathe/ort, imported on first use), counts integer kernels and names the reason for each
 * float node that matters for speed.
 * @throws QUANT_SLOWER with `failIfSlower`
 */
export async function verifyFusion(quantized: Model, options: FusionOptions = {}): Promise<FusionReport> {
  const { optimizedGraph } = await import("@lathe/ort");
  const seen = await optimizedGraph(quantized);
  const byName = new Map([...quantized.graph.allNodes()].map((node) => [node.name, node]));
  const integer: Record<string, number> = {};
  for (const { op } of seen.integer) integer[op] = (integer[op] ?? 0) + 1;
  const float = seen.float.map(({ name, op }) => {
    const node = byName.get(name);
    return { node: name, op, ...(node ? whyFloat(node) : { reason: "ONNX Runtime made this node itself", remedy: "none needed" }) };
  });
  const timing = options.float && options.feeds ? await time(options.float, quantized, options.feeds, options) : undefined;
  if (options.failIfSlower && timing && timing.speedup < 1) throw quantizeErrors.QUANT_SLOWER({ ...timing, float: float.length, reason: float[0]?.reason });
  return { integer, integerNodes: seen.integer.length, float, ...timing };
}

async function time(float: Model, quantized: Model, feeds: Feeds, options: FusionOptions): Promise<{ floatMs: number; quantizedMs: number; speedup: number }> {
  const { benchmark } = await import("@lathe/ort");
  const { threads = 1, rounds = 15, signal } = options;
  const { timings } = await benchmark({ float, quantized }, feeds, { threads, rounds, ...(signal ? { signal } : {}) });
  return { floatMs: timings[0]!.median, quantizedMs: timings[1]!.median, speedup: timings[1]!.speedup };
}
