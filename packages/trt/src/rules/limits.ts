/** What TensorRT's parser asks of single operators, as small predicates that the support table names. */
import { isStatic, type Node, type Value } from "@lathe/core";
import type { RuleId } from "./catalogue.ts";
import { weightOf, type Facts } from "./facts.ts";

/** A sentence's predicate when the node breaks the rule ("has dilations 2, 2"), else undefined. */
export interface Limit {
  readonly id: RuleId;
  readonly breaks: (node: Node, facts: Facts) => string | undefined;
  /** From this release on the limit is gone. */
  readonly until?: readonly [number, number];
}

const limit = (id: RuleId, breaks: Limit["breaks"], until?: Limit["until"]): Limit => ({ id, breaks, ...(until ? { until } : {}) });

/** Input `index` is a constant when it is there. */
export const constantInput = (index: number, name: string, until?: Limit["until"]): Limit =>
  limit("argument-constant", (node) => (node.input(index) && !weightOf(node.input(index)) ? `has ${name} ("${node.input(index)!.name}") computed at run time` : undefined), until);

const absentOr = (value: number | undefined, wanted: number): boolean => value === undefined || value === wanted;

export const windowRank = limit("pool-rank", (node) => {
  const rank = node.input(0)?.rank;
  return rank === undefined || (rank >= 3 && rank <= 5) ? undefined : `slides over ${Math.max(rank - 2, 0)} dimensions`;
});

export const noDilation = limit("pool-dilation", (node) => {
  const dilations = node.ints("dilations", []);
  return dilations.some((d) => d !== 1) ? `has dilations ${dilations.join(", ")}` : undefined;
});

export const noIndices = limit("pool-indices", (node) => (node.output(1) && !node.output(1)!.isUnused ? `gives indices ("${node.output(1)!.name}")` : undefined));

export const firstOutputOnly = limit("norm-outputs", (node) => {
  const extra = node.outputs.slice(1).find((v) => v && !v.isUnused);
  return extra ? `gives "${extra.name}" beside its first output` : undefined;
});

const MOST_OF_TOPK = 3840;

export const topKCount = limit("topk-limit", (node) => {
  const k = node.input(1) ? weightOf(node.input(1))?.toNumbers()[0] : node.int("k");
  return k !== undefined && k >= MOST_OF_TOPK ? `takes ${k} elements` : undefined;
});

export const topKSorted = limit("topk-sorted", (node) => (absentOr(node.int("sorted"), 1) ? undefined : "does not sort"));

/** Allowed values of string attributes of Resize; the first is the default. */
const resizeModes: Readonly<Record<string, readonly string[]>> = {
  mode: ["nearest", "linear"],
  coordinate_transformation_mode: ["half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners"],
  nearest_mode: ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
  keep_aspect_ratio_policy: ["stretch"],
};

export const resizeMode = limit("resize-mode", (node) => {
  for (const [name, allowed] of Object.entries(resizeModes)) {
    const value = node.string(name, allowed[0]!);
    if (!allowed.includes(value)) return `has ${name} "${value}"`;
  }
  if (node.int("antialias", 0) !== 0) return "asks for antialiasing";
  const axes = node.ints("axes");
  return axes && !axes.every((a, i) => a === i) ? `resizes the axes ${axes.join(", ")} only` : undefined;
});

export const branchRanks = limit("branch-rank", (node) => {
  const [yes, no] = [node.attribute("then_branch", "graph"), node.attribute("else_branch", "graph")];
  for (const [i, a] of (yes?.outputs ?? []).entries()) {
    const b = no?.outputs[i];
    if (!b) continue;
    if (a.name === b.name) return `has two branches whose outputs are both called "${a.name}"`;
    if (a.rank !== undefined && b.rank !== undefined && a.rank !== b.rank) return `has branches whose outputs have ranks ${a.rank} and ${b.rank}`;
  }
  return undefined;
});

/** Stacked results of a loop need a length that is known at build time. */
export const loopLength = limit("static-shape", (node) => {
  const body = node.attribute("body", "graph");
  const carried = Math.max(node.inputs.length - 2, 0);
  if (!body || body.outputs.length - 1 <= carried) return undefined;
  return node.input(0) && weightOf(node.input(0)) ? undefined : "stacks results of a number of steps that is known at run time only";
});

export const rnnAttributes = limit("rnn-attributes", (node) => {
  for (const name of ["layout", "input_forget"]) if (node.int(name, 0) !== 0) return `has ${name} ${node.int(name)}`;
  const functions = node.attribute("activations", "strings") ?? [];
  const half = functions.length / 2;
  const differ = node.string("direction", "forward") === "bidirectional" && functions.slice(0, half).some((f, i) => f.toLowerCase() !== functions[half + i]?.toLowerCase());
  return differ ? `has the activations ${functions.join(", ")}, which differ by direction` : undefined;
});

export const inference = limit("training-op", (node) => {
  if (node.is("BatchNormalization")) return node.int("training_mode", 0) === 0 ? undefined : "normalises in training mode";
  const mode = node.input(2);
  return !mode || weightOf(mode)?.toNumbers()[0] === 0 ? undefined : "may drop values at run time";
});

export const imagesOnly = limit("grid-rank", (node) => {
  const rank = node.input(0)?.rank;
  return rank === undefined || rank === 4 ? undefined : `samples a tensor of ${rank} dimensions`;
});

export const noReduction = limit("scatter-reduction", (node) => (node.string("reduction", "none") === "none" ? undefined : `has reduction "${node.string("reduction")}"`));

export const staticInput = limit("static-shape", (node) => {
  const value = node.input(0);
  return value?.shape && !isStatic(value.shape) ? `makes a matrix of the size of "${value.name}", which is known at run time only` : undefined;
});

/** The axis of Hardmax is fixed. */
export const staticAxis = limit("static-shape", (node) => {
  const shape = node.input(0)?.shape;
  const axis = node.int("axis", -1);
  const d = shape?.[axis < 0 ? axis + shape.length : axis];
  return shape && typeof d !== "number" ? `compares along axis ${axis}, whose size is known at run time only` : undefined;
});

export const seed = limit("random-seed", (node) => (node.float("seed") === undefined ? undefined : `has the seed ${node.float("seed")}`));

export const evenPads = limit("deform-pads", (node) => {
  const pads = node.ints("pads", []);
  const half = pads.length / 2;
  return pads.slice(0, half).some((p, i) => p !== pads[half + i]) ? `has pads ${pads.join(", ")}` : undefined;
});

/** A weight behind Q and DQ is a constant too. */
const isConstantLike = (value: Value | undefined): boolean => {
  let at = value;
  while (at?.producer && /^(Cast|Identity|QuantizeLinear|DequantizeLinear|Reshape|Transpose)$/.test(at.producer.opType)) at = at.producer.input(0);
  return at?.constant !== undefined;
};

export const constantKernel = limit("conv-weight", (node) => (node.input(1) && !isConstantLike(node.input(1)) ? `has a weight ("${node.input(1)!.name}") computed at run time` : undefined));

export const plainConstant = limit("tensor-type", (node) => {
  const odd = ["sparse_value", "value_string", "value_strings"].find((name) => node.attributes.has(name));
  return odd ? `holds a ${odd}` : undefined;
});
