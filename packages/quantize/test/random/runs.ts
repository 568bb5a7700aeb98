/** How each random graph is quantized: options drawn from the same seed, in our words and in those of ONNX Runtime's tool. */
import { random, type Model } from "@lathe/core";
import type { Range, StaticOptionsInput } from "@lathe/quantize";

export interface RandomRun {
  readonly ours: StaticOptionsInput;
  readonly theirs: Readonly<Record<string, unknown>>;
}

const pairs = [["uint8", "int8"], ["uint8", "int8"], ["uint8", "uint8"], ["int8", "int8"], ["uint16", "int8"], ["int16", "int16"], ["uint16", "uint16"], ["uint8", "int4"]] as const;
const typeName = (dtype: string): string => `Q${dtype.replace("uint", "UInt").replace(/^int/, "Int")}`;

export function randomRun(seed: number, model: Model): RandomRun {
  const r = random(`quantize-run-${seed}`);
  const chance = (p: number): boolean => r.float() < p;
  const [activation, weight] = pairs[r.int(pairs.length)]!;
  const perChannel = chance(0.6);
  const reduceRange = chance(0.25);
  const ours: Record<string, unknown> = { activationType: activation, weightType: weight, perChannel, reduceRange };
  const extra: Record<string, unknown> = {};
  const theirs: Record<string, unknown> = { activation_type: typeName(activation), weight_type: typeName(weight), per_channel: perChannel, reduce_range: reduceRange, extra_options: extra };
  const both = (p: number, ourName: string, theirName: string, value: unknown, theirValue: unknown = value): void => {
    if (!chance(p)) return;
    ours[ourName] = value;
    extra[theirName] = theirValue;
  };
  both(0.2, "symmetricActivations", "ActivationSymmetric", true);
  both(0.15, "symmetricWeights", "WeightSymmetric", chance(0.5));
  both(0.15, "fuseActivations", "QDQKeepRemovableActivations", false, true);
  both(0.15, "quantizeMoves", "ForceQuantizeNoInputCheck", true);
  both(0.1, "quantizeBias", "QuantizeBias", false);
  both(0.1, "minimumRealRange", "MinimumRealRange", 0.25);
  both(0.1, "floatOutputs", "OpTypesToExcludeOutputQuantization", ["Conv", "MatMul"]);
  both(0.1, "weightPairs", "AddQDQPairToWeight", true);
  both(0.1, "contribOps", "UseQDQContribOps", true);
  if (activation === "uint8") both(0.1, "restrictedAsymmetric", "ActivationRestrictedAsymmetric", true);
  if (chance(0.2)) {
    const names = [...model.graph.nodes].map((node) => node.name);
    const excluded = [names[r.int(names.length)]!];
    ours.excludeNodes = excluded;
    theirs.nodes_to_exclude = excluded;
  }
  if (seed >= FIRST_WITH_OVERRIDES) addOverrides(r, model, ours, extra);
  return { ours, theirs };
}

/** Models from this number on have settings for single tensors. */
const FIRST_WITH_OVERRIDES = 200;

type Draw = ReturnType<typeof random>;

function addOverrides(r: Draw, model: Model, ours: Record<string, unknown>, extra: Record<string, unknown>): void {
  const values = [...model.graph.values()].filter((v) => v.dtype === "float32" && v.useCount > 0 && !v.isInitializer && !/^(Relu|Clip)$/.test(v.producer?.opType ?? ""));
  const mine: Record<string, unknown> = {};
  const tool: Record<string, unknown> = {};
  for (let i = 0; i < 3 && values.length > 0; i++) {
    const value = values[r.int(values.length)]!;
    const { name } = value;
    if (mine[name]) continue;
    const consumers = value.consumers.map((node) => node.name);
    [mine[name], tool[name]] = pickOverride(r, consumers, ours.activationType);
  }
  ours.overrides = mine;
  extra.TensorQuantOverrides = tool;
}

/** One setting, ours and theirs. */
function pickOverride(r: Draw, consumers: readonly string[], activation: unknown): [unknown, unknown] {
  const low = Math.fround(-3 * r.float());
  const high = Math.fround(0.5 + 3 * r.float());
  const other = activation === "int16" ? "uint16" : "int16";
  switch (r.int(5)) {
    case 0: return [{ dtype: "int16" }, [{ quant_type: "QInt16" }]];
    case 1: return [{ symmetric: true }, [{ symmetric: true }]];
    case 2: return [{ range: { min: low, max: high } }, [{ rmin: low, rmax: high }]];
    case 3: return [{ params: [{ scale: 0.03125, zeroPoint: 100 }] }, [{ scale: 0.03125, zero_point: 100 }]];
    default: {
      const some = consumers.length > 1 && r.float() < 0.7 ? [consumers[0]!] : undefined;
      return [{ convert: { dtype: other, nodes: some } }, [{ convert: { quant_type: typeName(other), ...(some ? { recv_nodes: some } : {}) } }]];
    }
  }
}

/** A range for each float tensor, as calibration would find: never negative behind Relu, Clip, Sigmoid and Softmax. */
export function randomRanges(seed: number, model: Model): Map<string, Range> {
  const r = random(`quantize-ranges-${seed}`);
  const ranges = new Map<string, Range>();
  for (const value of model.graph.values()) {
    if (value.dtype !== "float32" || value.isInitializer) continue;
    const reach = Math.fround(0.1 + 8 * r.float());
    const positive = /^(Relu|Clip|Sigmoid|Softmax)$/.test(value.producer?.opType ?? "");
    ranges.set(value.name, { min: positive ? 0 : Math.fround(-reach * r.float()), max: reach });
  }
  return ranges;
}
