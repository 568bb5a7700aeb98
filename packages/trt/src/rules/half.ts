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

/** ReduceMean over a square, both in float16. */
function variance(node: Node): Finding[] {
  const square = node.is("ReduceMean") || node.is("ReduceSum") ? node.input(0)?.producer : undefined;
  if (!square || square.output(0)?.dtype !== "float16") return [];
  const squares = (square.is("Mul") && square.input(0) === square.input(1)) || (square.is("Pow") && weightOf(square.input(1))?.toNumbers()[0] === 2);
  return squares ? [finding("half-variance", `Node "${node.label}" sums the squares that "${square.label}" makes in float16.`, node)] : [];
}

const some = (tensor: Tensor | undefined, test: (x: number) => boolean): boolean =>
  tensor !== undefined && isFloat(tensor.dtype) && tensor.size <= READ_AT_MOST && tensor.toFloat32().some(test);

function infinity(node: Node): Finding[] {
  if (!["Add", "Sub", "Mul", "Where"].includes(node.opType)) return [];
  const mask = node.inputs.find((v) => v?.dtype === "float16" && some(weightOf(v), (x) => !Number.isFinite(x)));
  return mask ? [finding("half-infinity", `Node "${node.label}" (${node.opType}) reads "${mask.name}", which holds infinite values in float16.`, node)] : [];
}

/** A small constant that is added before a root or a quotient. */
function epsilon(node: Node): Finding[] {
  if (!node.is("Add") && !node.is("Max") && !node.is("Clip")) return [];
  const divides = (value: Value): boolean => value.consumers.some((c) => ["Sqrt", "Reciprocal", "Log", "Pow"].includes(c.opType) || (c.is("Div") && c.input(1) === value));
  if (!node.output(0) || !divides(node.out)) return [];
  const tiny = node.inputs.find((v) => v?.dtype === "float16" && weightOf(v)?.size === 1 && Math.abs(weightOf(v)!.toNumbers()[0]!) < SMALLEST_NORMAL && (node.is("Add") || weightOf(v)!.toNumbers()[0] !== 0));
  return tiny ? [finding("half-epsilon", `Node "${node.label}" adds "${tiny.name}", which is ${weightOf(tiny)!.toNumbers()[0]} in float16.`, node)] : [];
}

const positions = (node: Node): Finding[] =>
  (node.is("Range") || node.is("CumSum")) && node.output(0)?.dtype === "float16" ? [finding("half-index", `Node "${node.label}" (${node.opType}) counts in float16.`, node)] : [];
