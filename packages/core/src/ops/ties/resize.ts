/** Repairs after a cut: lists that live in an attribute, in a constant input, or that the model computes. */
import { attr } from "../../ir/attribute.ts";
import type { Graph } from "../../ir/graph.ts";
import { Node } from "../../ir/node.ts";
import type { Value } from "../../ir/value.ts";
import { Tensor } from "../../tensor.ts";
import type { Axis, Resize } from "../tie.ts";

/** Gives input `index` of a node new constant content. A constant that others read is left to them. */
export function replaceConstant(node: Node, index: number, tensor: Tensor, graph: Graph): void {
  const old = node.input(index);
  if (old && graph.initializers.has(old) && old.useCount === 1 && !old.isGraphOutput) graph.setInitializer(old, tensor);
  else node.setInput(index, graph.addInitializer(old?.name ? `${old.name}_cut` : "", tensor));
}

/** Sets an int attribute to the new length. */
export const setInt = (name: string): Resize["apply"] => (node, length) => node.setAttribute(name, attr.int(length));

/** Numbers of a list that is attribute `name` (older operator sets) or constant input `index`. */
export function readList(node: Node, name: string, index: number): number[] | undefined {
  return node.ints(name) ?? node.input(index)?.constant?.toNumbers();
}

/** Writes such a list back to where it came from, with the input's integer type. */
export function writeList(node: Node, name: string, index: number, list: readonly number[], graph: Graph): void {
  const constant = node.input(index)?.constant;
  if (node.attributes.has(name) || !node.input(index)) node.setAttribute(name, attr.ints(list));
  else replaceConstant(node, index, Tensor.from(constant?.dtype ?? "int64", [list.length], list), graph);
}

/** How a vector that the model computes is repaired. */
export interface ComputedVector {
  /** What it may be replaced by, when constants can say the same (0 and -1 in the target shape of Reshape). */
  readonly equivalent?: readonly number[] | undefined;
}

/**
 * Sets entry `at` of an int64 vector input to the new length: in the constant, or, when the model computes the vector, in a constant
 * that says the same, or else by a ScatterElements behind the computation. An entry of 1 stays: it says "as long as the other
 * side" (Expand).
 */
export function setEntry(axis: Axis, name: string, index: number, at: number, computed: ComputedVector = {}): Resize {
  return {
    axis,
    apply: (node, length, _, graph) => {
      const list = readList(node, name, index) ?? computed.equivalent?.slice();
      if (!list) return patch(node, index, at, length, graph);
      if (list[at] === 1) return;
      list[at] = length;
      writeList(node, name, index, list, graph);
    },
  };
}

/** True when {@link setEntry} can repair the vector in this operator set. */
export const canSetEntry = (node: Node, name: string, index: number, opset: number, computed: ComputedVector = {}): boolean =>
  readList(node, name, index) !== undefined || computed.equivalent !== undefined || opset >= 11;

function patch(node: Node, index: number, at: number, length: number, graph: Graph): void {
  const computed = node.input(index)!;
  const constant = (suffix: string, value: number): Value => graph.addInitializer(`${computed.name}_${suffix}`, Tensor.int64([value]));
  const scatter = graph.insertBefore(node, new Node({
    opType: "ScatterElements",
    inputs: [computed, constant("at", at), constant("length", length)],
    outputs: [`${computed.name}_cut`],
    attributes: { axis: attr.int(0) },
  }));
  node.setInput(index, scatter.out);
}
