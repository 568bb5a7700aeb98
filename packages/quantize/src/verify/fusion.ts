/** The proof of the pudding: what ONNX Runtime really makes of a quantized model, and whether it is faster than the float one. */
import type { Feeds, Model, Node } from "@lathe/core";
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
  const find = finder(quantized, seen.model);
  const integer: Record<string, number> = {};
  for (const { op } of seen.integer) integer[op] = (integer[op] ?? 0) + 1;
  const float = seen.float.map(({ name, op }) => {
    const node = find(name);
    return { node: node?.name ?? name, op, ...(node ? whyFloat(node) : { reason: "ONNX Runtime made this node itself", remedy: "none needed" }) };
  });
  const timing = options.float && options.feeds ? await time(options.float, quantized, options.feeds, options) : undefined;
  if (options.failIfSlower && timing && timing.speedup < 1) throw quantizeErrors.QUANT_SLOWER({ ...timing, float: float.length, reason: float[0]?.reason });
  return { integer, integerNodes: seen.integer.length, float, ...timing };
}

/**
 * The node of the written model behind a node that really runs: by name, or by the value it makes (a fused activation behind it is
 * stepped over, a change of layout too).
 */
function finder(written: Model, run: Model): (name: string) => Node | undefined {
  const nodes = [...written.graph.allNodes()];
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const byOutput = new Map(nodes.flatMap((node) => node.outputs.map((v) => [v?.name ?? "", node] as const)));
  const running = new Map([...run.graph.allNodes()].map((node) => [node.label, node]));
  return (name) => {
    const known = byName.get(name);
    const output = running.get(name)?.outputs[0];
    if (known || !output) return known;
    const made = byOutput.get(output.name) ?? byOutput.get(output.consumers[0]?.outputs[0]?.name ?? "");
    return made && fusedActivations.has(made.opType) ? (made.input(0)?.producer ?? made) : made;
  };
}

const fusedActivations = new Set(["Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid"]);

async function time(float: Model, quantized: Model, feeds: Feeds, options: FusionOptions): Promise<{ floatMs: number; quantizedMs: number; speedup: number }> {
  const { benchmark } = await import("@lathe/ort");
  const { threads = 1, rounds = 15, signal } = options;
  const { timings } = await benchmark({ float, quantized }, feeds, { threads, rounds, ...(signal ? { signal } : {}) });
  // The fast end of the samples, which other work on the machine disturbs least.
  const [floatMs, quantizedMs] = [timings[0]!.p5, timings[1]!.p5];
  return { floatMs, quantizedMs, speedup: floatMs / quantizedMs };
}
