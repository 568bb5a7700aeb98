/** What goes wrong in float16. */
import { isFloat, type Node, type Tensor, type Value } from "@lathe/core";
import { weightOf } from "./facts.ts";
import { finding, type Finding } from "./finding.ts";

const SMALLEST_NORMAL = 2 ** -14;
/** Constants larger than this are weights, not masks or epsilons that someone wrote down. */
const READ_AT_MOST = 1 << 22;

export function halfFindings(node: Node): Finding[] {
  if (node.output(0)?.dtype !== "float16" && node.inputs.every((v) => v?.dtype !== "float16")) return [];
  return [...variance(node), ...infinity(node), ...epsilon(node), ...positions(node)];
}

export const isSquare = (node: Node | undefined): boolean =>
  node !== undefined && ((node.is("Mul") && node.input(0) === node.input(1)) || (node.is("Pow") && weightOf(node.input(1))?.toNumbers()[0] === 2));

/** ReduceMean over a square, both in float16. */
function variance(node: Node): Finding[] {
  const square = node.is("ReduceMean") || node.is("ReduceSum") ? node.input(0)?.producer : undefined;
  if (!square || square.output(0)?.dtype !== "float16" || !isSquare(square)) return [];
  return [finding("half-variance", `Node "${node.label}" sums the squares that "${square.label}" makes in float16.`, node)];
}

const some = (tensor: Tensor | undefined, test: (x: number) => boolean): boolean =>
  tensor !== undefined && isFloat(tensor.dtype) && tensor.size <= READ_AT_MOST && tensor.toFloat32().some(test);

function infinity(node: Node): Finding[] {
  if (!["Add", "Sub", "Mul", "Where"].includes(node.opType)) return [];
  const mask = node.inputs.find((v) => v?.dtype === "float16" && some(weightOf(v), (x) => !Number.isFinite(x)));
  return mask ? [finding("half-infinity", `Node "${node.label}" (${node.opType}) reads "${mask.name}", which holds infinite values in float16.`, node)] : [];
}

const divides = (value: Value): boolean =>
  value.consumers.some((c) => ["Sqrt", "Reciprocal", "Log", "Pow"].includes(c.opType) || (c.is("Div") && c.input(1) === value));

/** A constant that is added (or is a lower bound) before a root or a quotient, and has no normal number in float16. */
export function tinyEpsilon(node: Node): Value | undefined {
  if (!["Add", "Max", "Clip"].includes(node.opType) || !node.output(0) || !divides(node.out)) return undefined;
  return node.inputs.find((v) => {
    const tensor = weightOf(v ?? undefined);
    const x = tensor?.size === 1 && isFloat(tensor.dtype) ? Math.abs(tensor.toNumbers()[0]!) : undefined;
    return x !== undefined && x < SMALLEST_NORMAL && (x !== 0 || (node.is("Add") && tensor!.dtype === "float16"));
  }) ?? undefined;
}

function epsilon(node: Node): Finding[] {
  const tiny = tinyEpsilon(node);
  return tiny?.dtype === "float16" ? [finding("half-epsilon", `Node "${node.label}" adds "${tiny.name}", which is ${weightOf(tiny)!.toNumbers()[0]} in float16.`, node)] : [];
}

const positions = (node: Node): Finding[] =>
  (node.is("Range") || node.is("CumSum")) && node.output(0)?.dtype === "float16" ? [finding("half-index", `Node "${node.label}" (${node.opType}) counts in float16.`, node)] : [];
