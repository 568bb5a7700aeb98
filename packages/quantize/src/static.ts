/** Static quantization: the ranges of activations are learnt from data beforehand, and everything in between runs in integers. */
import { inferShapes, random, simplifyModel, takeSamples, type Feeds, type Model, type Node, type Random, type Runtime, type Tensor, type Value } from "@lathe/core";
import { learnRounding, type LearnedRounding } from "./accuracy/adaround/learn.ts";
import { addMissingBiases, correctBiases } from "./accuracy/bias-correction.ts";
import { equalizeLayers } from "./accuracy/equalize.ts";
import { smoothActivations } from "./accuracy/smooth.ts";
import { exposeBodies, innerValues, insideLoop, uniqueAcrossBodies } from "./bodies.ts";
import { chooseRange, needsHistogram, type CalibrationMethod } from "./calibrate/choose.ts";
import { observe, type Observations } from "./calibrate/run.ts";
import { quantizeErrors } from "./errors.ts";
import { adaroundOptions, checked, staticOptions, type StaticOptions, type StaticOptionsInput } from "./options.ts";
import type { QuantType } from "./params.ts";
import { isFloatValue, planQdq, valuesToObserve, type QdqPlan } from "./plan.ts";
import { staticOpTypes } from "./placement.ts";
import { prepare, refuse, uniqueNames } from "./prepare.ts";
import { emitQdq, type EmitOptions } from "./qdq.ts";
import { fuseToQOperator } from "./qoperator.ts";
import { checkNames, selectNodes } from "./select.ts";
import type { Range } from "./spec.ts";
import { checkTypes, neededOpset, toEmitOptions, toPlanOptions } from "./static-options.ts";
import { tailNodes } from "./tail.ts";
import { planFor } from "./targets.ts";
import { tuneFor } from "./tune/index.ts";

export interface StaticServices {
  readonly runtime: Runtime;
  /** Calibration samples: named inputs of the model. */
  readonly data: AsyncIterable<Feeds> | Iterable<Feeds>;
  readonly signal?: AbortSignal | undefined;
  /** Called after each sample with the number of samples done. */
  readonly onSample?: ((done: number) => void) | undefined;
  /**
   * Chooses the integer values of weights, by name, once scales are known, in place of `rounding`; weights left out are rounded to nearest.
   * The plan's model still holds the float weights; `finalParams(plan.plan, ranges, plan.emit.adjustBias)` gives their scales.
   */
  readonly round?: ((plan: StaticPlan, ranges: ReadonlyMap<string, Range>) => Promise<ReadonlyMap<string, Tensor>>) | undefined;
  /** Observations of an earlier pass, from `readCalibration`: continued, or used as they are when they are complete. */
  readonly resume?: Observations | undefined;
  /** Draws the places at which layers are looked at when rounding is learned. Default: a generator with seed 0. */
  readonly random?: Random | undefined;
  /** Gives the event loop a turn; called now and then in long computations. */
  readonly turn?: (() => Promise<void>) | undefined;
  /** Called after each layer whose rounding was learned. */
  readonly onLayer?: ((done: number, total: number, layer: string) => void) | undefined;
}

/** What static quantization did; JSON. */
export interface StaticReport {
  readonly activationType: QuantType;
  readonly weightType: QuantType;
  readonly activations: number;
  readonly weights: number;
  readonly biases: number;
  /** Relu and Clip nodes that the quantizers clip for. */
  readonly absorbed: number;
  readonly nodes: number;
  readonly samples: number;
  readonly method: string;
  /** What the target chose, and why. */
  readonly reasons: readonly string[];
}

/** A model made ready, with what will be done to it: edit nothing until the ranges are known. */
export interface StaticPlan {
  readonly model: Model;
  readonly plan: QdqPlan;
  readonly options: StaticOptions;
  readonly emit: EmitOptions;
  readonly nodes: number;
  /** Float tensors that the selected nodes read or write: what other settings of the same model may want to know the range of. */
  readonly touched: ReadonlySet<string>;
  readonly reasons: readonly string[];
}

/**
 * Prepares `source` in place (its opset may be raised on a copy) and decides what is quantized and how.
 * @throws QUANT_ALREADY, QUANT_COMBINATION, QUANT_NOTHING_TO_DO, QUANT_UNKNOWN_NAME, QUANT_FLOAT16
 */
export function planStatic(source: Model, input: StaticOptionsInput = {}): StaticPlan {
  const given = checked(staticOptions, input);
  const { options, reasons } = planFor(given.target, given);
  const resolved = { ...given, ...options };
  const planOptions = toPlanOptions(resolved);
  checkTypes(planOptions);
  const { least, wanted } = neededOpset(planOptions, resolved);
  const model = prepare(source, least, wanted);
  if (resolved.bodies) uniqueAcrossBodies(model.graph);
  checkNames(model.graph, resolved.simplify ? {} : resolved, Object.keys(resolved.overrides ?? {}));
  const nodes = new Set<Node>();
  for (const graph of resolved.bodies ? model.graph.allGraphs() : [model.graph]) for (const node of selectNodes(graph, resolved, staticOpTypes)) nodes.add(node);
  if (resolved.floatTail) for (const node of tailNodes(model.graph)) nodes.delete(node);
  if (resolved.groupedConv === false) for (const node of nodes) if (node.opType === "Conv" && node.int("group", 1) !== 1) nodes.delete(node);
  if (resolved.constantOperands === false) for (const node of nodes) if (hasConstantOperand(node)) nodes.delete(node);
  const plan = planQdq(model.graph, nodes, planOptions, model.opset);
  if (plan.tensors.size === 0) throw quantizeErrors.QUANT_NOTHING_TO_DO({ types: (resolved.opTypes ?? staticOpTypes).join(", "), declined: plan.declined[0] });
  return { model, plan, options: resolved, emit: toEmitOptions(resolved, planOptions, model.opset), nodes: nodes.size, touched: touchedBy(nodes), reasons };
}

function touchedBy(nodes: Iterable<Node>): Set<string> {
  const names = new Set<string>();
  for (const node of nodes) for (const value of [...node.inputs, ...node.outputs]) if (value && isFloatValue(value) && !value.constant) names.add(value.name);
  return names;
}

const hasConstantOperand = (node: Node): boolean => (node.opType === "Add" || node.opType === "Mul") && node.inputs.some((v) => v?.constant);

/** Folds what stands between layers, in place, unless `simplify` is off. Names the caller gave are checked before they may go. */
export async function simplifyFirst(model: Model, input: StaticOptionsInput): Promise<void> {
  const options = checked(staticOptions, input);
  if (!options.simplify) return;
  refuse(model);
  uniqueNames(model.graph);
  if (options.bodies) uniqueAcrossBodies(model.graph);
  checkNames(model.graph, options);
  await simplifyModel(model);
  uniqueNames(model.graph);
}

/** Applies a plan with known ranges (by tensor name). Edits the model of the plan. */
export function applyStatic(
  { model, plan, options, emit, nodes, reasons }: StaticPlan, ranges: ReadonlyMap<string, Range>, samples = 0, rounded?: ReadonlyMap<string, Tensor>,
): StaticReport {
  const done = emitQdq(plan, ranges, { ...emit, rounded });
  if (emit.domain !== "") model.opsetImports.set(emit.domain, 1);
  tuneFor(options.target, model.graph);
  if (options.format === "qoperator") {
    for (const graph of Array.from(model.graph.allGraphs())) fuseToQOperator(graph, model.opset);
    model.opsetImports.set("com.microsoft", 1);
  }
  inferShapes(model);
  return {
    activationType: plan.options.activationType, weightType: plan.options.weightType, ...done, nodes, samples, method: options.method, reasons,
  };
}

/** Statistics of everything the plan observes, from one pass over the data; `all`: of everything that is touched. */
export async function calibrate(plan: StaticPlan, services: StaticServices, all = false): Promise<Observations> {
  const tensors = all ? plan.touched : new Set([...valuesToObserve(plan.plan)].map((v) => v.name));
  if (tensors.size === 0) return { samples: 0, tensors: new Map() };
  return observe(plan.options.bodies ? exposeBodies(plan.model, tensors) : plan.model, tensors, {
    runtime: services.runtime,
    data: takeSamples(services.data, plan.options.samples),
    histogram: needsHistogram(plan.options.method),
    bins: plan.options.bins,
    averagingConstant: plan.options.averagingConstant,
    tensorsPerRun: plan.options.tensorsPerRun,
    signal: services.signal,
    onSample: (o) => services.onSample?.(o.samples),
    resume: services.resume,
  });
}

/** Ranges by the plan's method. */
export function rangesOf(observations: Observations, { model, options, plan }: StaticPlan): Map<string, Range> {
  const dtype = plan.options.activationType;
  const choose = { method: options.method, percentile: options.percentile, symmetric: plan.options.symmetricActivations, dtype };
  const inner = options.bodies ? innerValues(model) : new Map<string, Value>();
  const methodOf = (name: string): CalibrationMethod => {
    const value = inner.get(name);
    // Of tensors in loops only extremes are known; averages would count the samples that do not reach a body.
    return value && (insideLoop(value) || choose.method === "moving-average") ? "minmax" : choose.method;
  };
  return new Map([...observations.tensors].map(([name, stats]) => [name, chooseRange(stats, { ...choose, method: methodOf(name) })]));
}

/** Names of nodes in bodies that no calibration sample reached: nothing but zeros was seen of a tensor whose range they need. */
export function unreachedNodes({ model, plan, options }: StaticPlan, { tensors }: Observations): string[] {
  if (!options.bodies) return [];
  const inner = innerValues(model);
  const wanted = new Set([...valuesToObserve(plan)].filter((v) => inner.get(v.name) === v && tensors.get(v.name)?.min === 0 && tensors.get(v.name)?.max === 0));
  return [...model.graph.allNodes()].filter((node) => [...node.inputs, ...node.outputs].some((v) => v && wanted.has(v))).map((node) => node.name);
}

/** The plan without the nodes that no sample reached, which stay float; `options` are those that it was made with. */
export function reachedOnly(plan: StaticPlan, options: StaticOptionsInput, observations: Observations): { plan: StaticPlan; unreached: readonly string[] } {
  const unreached = unreachedNodes(plan, observations);
  return { plan: unreached.length === 0 ? plan : planStatic(plan.model, excluding(options, unreached)), unreached };
}

/** The options, with more nodes that stay float. */
export const excluding = (options: StaticOptionsInput, nodes: readonly string[]): StaticOptionsInput =>
  nodes.length === 0 ? options : { ...options, excludeNodes: [...(options.excludeNodes ?? []), ...nodes] };

export interface StaticResult {
  readonly model: Model;
  readonly report: StaticReport;
  /** With `rounding: "adaround"`: what was learned. */
  readonly rounding?: LearnedRounding;
  /** Nodes in bodies that stay float because no calibration sample reached them. */
  readonly unreached: readonly string[];
  /** Layers that stay float because the target has nothing to gain from them. */
  readonly declined: readonly { readonly node: string; readonly reason: string }[];
}

/**
 * Quantizes a copy of the model; the given one stays as it is.
 * @throws what planStatic throws; QUANT_CALIBRATION_EMPTY, QUANT_RANGE_NOT_FINITE, QUANT_WEIGHT_NOT_FINITE
 */
export async function quantizeStatic(model: Model, options: StaticOptionsInput, services: StaticServices): Promise<StaticResult> {
  const copy = model.clone();
  await simplifyFirst(copy, options);
  await rebalance(copy, options, services);
  const first = planStatic(copy, options);
  const observations = await calibrate(first, services);
  const { plan, unreached } = reachedOnly(first, options, observations);
  const ranges = rangesOf(observations, plan);
  const learned = services.round ? undefined : await learn(plan, ranges, services);
  const rounded = learned?.rounded ?? (await services.round?.(plan, ranges));
  if (plan.options.correctBias) await correctBiases(plan, services, rounded);
  const report = applyStatic(plan, ranges, observations.samples, rounded);
  return { model: plan.model, report, ...(learned ? { rounding: learned } : {}), unreached, declined: plan.plan.declined };
}

/** Integer weights by AdaRound when the options ask for it. */
export async function learn(plan: StaticPlan, ranges: ReadonlyMap<string, Range>, services: StaticServices): Promise<LearnedRounding | undefined> {
  if (plan.options.rounding !== "adaround") return undefined;
  return learnRounding(plan, ranges, adaroundOptions.parse(plan.options.adaround ?? {}), { ...services, random: services.random ?? random(0) });
}

/** Changes of the float weights that make them easier to quantize, in place, when the options ask for them. */
export async function rebalance(model: Model, input: StaticOptionsInput, services: StaticServices): Promise<void> {
  const { equalize, smooth, correctBias } = checked(staticOptions, input);
  if (correctBias) addMissingBiases(model.graph);
  if (equalize) equalizeLayers(model.graph);
  if (smooth !== undefined) await smoothActivations(model, smooth, services);
}
