import type { Graph } from "./ir/graph.ts";
import { valueBytes, type Node } from "./ir/node.ts";
import { isStatic, type Dim } from "./ir/type.ts";
import type { Value } from "./ir/value.ts";
import { isLatheError } from "./errors.ts";
import type { Cost, CostContext, OpTable } from "./ops/op.ts";
import { Tensor } from "./tensor.ts";

/** Why the work of a node is not known. */
export type CostGap = "operator" | "shape" | "trip-count";

export type NodeCost = (Required<Cost> & { readonly gap?: undefined }) | { readonly gap: CostGap };

export interface CostFacts {
  readonly ops: OpTable;
  /** Elements of small integer values that inference followed. */
  readonly dims: ReadonlyMap<Value, readonly Dim[]>;
}

/** Work of one node by its operator's cost rule; bytes are all inputs read and all outputs written unless the rule says otherwise. */
export function nodeCost(node: Node, facts: CostFacts): NodeCost {
  const rule = facts.ops.of(node)?.cost;
  if (!rule) return { gap: "operator" };
  const tensors = [...node.inputs, ...node.outputs].filter((v): v is Value => v !== null && (v.type === undefined || v.type.kind === "tensor"));
  if (!tensors.every((v) => isStatic(v.shape))) return { gap: "shape" };
  try {
    const { macs, elementOps = 0, bytesRead, bytesWritten } = rule(contextOf(node, facts));
    if (!Number.isFinite(macs + elementOps)) return { gap: "shape" };
    return { macs, elementOps, bytesRead: bytesRead ?? total(node.inputs), bytesWritten: bytesWritten ?? total(node.outputs) };
  } catch (error) {
    // A rule that refuses its inputs is the business of inference and verification; here the work is simply not known.
    if (isLatheError(error)) return { gap: "shape" };
    throw error;
  }
}

/** True when the node only shows its first input's bytes under another shape. */
export function isView(node: Node, facts: CostFacts): boolean {
  const cost = nodeCost(node, facts);
  return cost.gap === undefined && cost.bytesRead === 0 && cost.bytesWritten === 0;
}

function contextOf(node: Node, { dims }: CostFacts): CostContext {
  const shapeOf = (value: Value | undefined): readonly number[] | undefined => (isStatic(value?.shape) ? value.shape : undefined);
  return {
    node,
    shape: (input) => shapeOf(node.input(input)),
    outShape: (output) => shapeOf(node.output(output)),
    dtype: (input) => node.input(input)?.dtype,
    constant: (input) => {
      const value = node.input(input);
      return value && (value.constant ?? followed(value, dims.get(value)));
    },
  };
}

function followed(value: Value, dims: readonly Dim[] | undefined): Tensor | undefined {
  if (!value.dtype || !dims?.every((d) => typeof d === "number")) return undefined;
  return Tensor.from(value.dtype, value.shape?.length === 0 ? [] : [dims.length], dims as readonly number[]);
}

const total = (values: readonly (Value | null)[]): number => values.reduce((sum, v) => sum + ((v && valueBytes(v)) ?? 0), 0);

/** How often a body runs per run of its node; undefined when that depends on data. */
export function tripCount(node: Node, facts: CostFacts): number | undefined {
  if (node.is("Loop")) {
    const limit = node.input(0);
    const tensor = limit && (limit.constant ?? followed(limit, facts.dims.get(limit)));
    return tensor?.size === 1 ? Number(tensor.toNumbers()[0]) : undefined;
  }
  if (node.is("Scan")) {
    const scanned = node.int("num_scan_inputs");
    const axis = node.ints("scan_input_axes", [0])[0] ?? 0;
    const shape = scanned === undefined ? undefined : node.input(node.inputs.length - scanned)?.shape;
    const length = shape?.[axis < 0 ? axis + shape.length : axis];
    return typeof length === "number" ? length : undefined;
  }
  return 1;
}

/** Graphs inside a node that exclude one another (`If`). */
export const alternatives = (node: Node): boolean => node.is("If");

export const bodiesOf = (node: Node): readonly Graph[] => node.subgraphs.map(({ graph }) => graph);
