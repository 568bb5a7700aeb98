/** From a calibration cache of TensorRT 10 to a model that TensorRT 11 builds: the scales move into the graph as Q and DQ. */
import type { Model, Value } from "@lathe/core";
import { applyStatic, planStatic, simplifyFirst, type StaticOptionsInput, type StaticPlan, type StaticReport } from "@lathe/quantize";
import { trtErrors } from "../errors.ts";
import { raiseOpset } from "../precision/opset.ts";
import type { CalibrationCache } from "./format.ts";

type Overrides = NonNullable<StaticOptionsInput["overrides"]>;

export interface MigrateOptions {
  /** Nodes that stay float. */
  readonly excludeNodes?: readonly string[] | undefined;
  /** Fold BatchNorm, constants and no-ops first, as TensorRT does when it calibrates. Default true. */
  readonly simplify?: boolean | undefined;
}

export interface MigratedModel {
  readonly model: Model;
  readonly report: StaticReport;
  /** Layers that stay float: their inputs have no scale in the cache, or they gain nothing. */
  readonly float: readonly { readonly node: string; readonly reason: string }[];
  /** Entries of the cache that no quantizer needed, such as tensors inside fused layers. */
  readonly unused: readonly string[];
}

/**
 * Quantizes a copy of the float model with the scales of a cache, and its weights by their own ranges, one scale for each output channel. Layers whose inputs the cache does
 * not name stay float, as they did in the engine that the cache was made for.
 * @throws TRT_CACHE_FOREIGN when no layer's input is in the cache; what planStatic throws
 */
export async function fromCalibrationCache(model: Model, cache: CalibrationCache, { excludeNodes = [], simplify = true }: MigrateOptions = {}): Promise<MigratedModel> {
  const copy = model.clone();
  const settings: StaticOptionsInput = { target: "tensorrt", simplify };
  if (simplify) raiseOpset(copy, 19, true);
  await simplifyFirst(copy, { ...settings, excludeNodes: [...excludeNodes] });
  const missing = new Map<string, string>();
  for (;;) {
    const given = { ...settings, excludeNodes: [...excludeNodes, ...missing.keys()] };
    const plan = planStatic(copy.clone(), given);
    const overrides = overridesOf(plan, cache);
    const lacking = lackingNodes(plan, overrides);
    if (lacking.size === 0) return finish(planStatic(copy.clone(), { ...given, overrides }), cache, overrides, missing);
    for (const [node, tensor] of lacking) missing.set(node, `its input "${tensor}" has no scale in the cache`);
    if ([...plan.plan.readers.values()].every((readers) => [...readers].every((node) => missing.has(node.name)))) {
      throw trtErrors.TRT_CACHE_FOREIGN({ wanted: [...lacking.values()].slice(0, 3), held: [...cache.scales.keys()].slice(0, 3) });
    }
  }
}

/** The scale of each planned activation that the cache knows; around a Concat the widest of those that meet there. */
function overridesOf({ plan }: StaticPlan, { scales }: CalibrationCache): Overrides {
  const overrides: Overrides = {};
  const scaleOf = (value: Value): number | undefined => scales.get(value.name);
  for (const [value, how] of plan.tensors) {
    if (how.kind !== "activation") continue;
    const observed = "min" in how.observe ? undefined : how.observe;
    const own = scaleOf(value) ?? (observed && scaleOf(observed));
    if (own === undefined) continue;
    const scale = Math.max(own, ...(how.also ?? []).map((other) => scaleOf(other) ?? 0));
    overrides[value.name] = { params: [{ scale, zeroPoint: 0 }] };
  }
  return overrides;
}

/** Readers of activations without a scale, by the name of the tensor. */
function lackingNodes({ plan }: StaticPlan, overrides: Readonly<Overrides>): Map<string, string> {
  const lacking = new Map<string, string>();
  for (const [value, how] of plan.tensors) {
    if (how.kind === "constant") continue;
    const owner = how.kind === "shared" ? how.source : value;
    if (Object.hasOwn(overrides, owner.name)) continue;
    for (const node of plan.readers.get(value) ?? []) lacking.set(node.name, owner.name);
  }
  return lacking;
}

function finish(plan: StaticPlan, { scales }: CalibrationCache, overrides: Readonly<Overrides>, missing: ReadonlyMap<string, string>): MigratedModel {
  const report = applyStatic(plan, new Map());
  return {
    model: plan.model, report,
    float: [...[...missing].map(([node, reason]) => ({ node, reason })), ...plan.plan.declined],
    unused: [...scales.keys()].filter((name) => !Object.hasOwn(overrides, name)),
  };
}
