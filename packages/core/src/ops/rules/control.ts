/** Types through control flow: branches meet in what both have; loops are followed until their state settles. */
import type { Graph } from "../../ir/graph.ts";
import { tensorType, type Dim, type Shape, type ValueType } from "../../ir/type.ts";
import type { Value } from "../../ir/value.ts";
import { commonType, equalTypes } from "../merge-type.ts";
import type { InferContext } from "../op.ts";

type Types = readonly (ValueType | undefined)[];

/** Rounds after which a loop's state counts as unknown; each round can only make it less precise. */
const MAX_ROUNDS = 8;

export const inferIf = (c: InferContext): void => {
  const condition = c.constant(0)?.toNumbers()[0];
  const then = c.inferGraph("then_branch", [], condition === 0);
  const otherwise = c.inferGraph("else_branch", [], condition !== undefined && condition !== 0);
  if (condition !== undefined) {
    c.node.attribute(condition !== 0 ? "then_branch" : "else_branch", "graph")?.outputs.forEach((value, i) => c.alias(i, value));
    return;
  }
  for (let i = 0; i < c.outputCount; i++) {
    const type = branchType(then[i], otherwise[i]);
    if (type) c.setType(i, type);
  }
};

/** A branch may give an optional where the other gives its content. */
function branchType(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (a?.kind === "optional" && b && b.kind !== "optional") return { kind: "optional", element: a.element ? commonType(a.element, b) : b };
  if (b?.kind === "optional" && a && a.kind !== "optional") return branchType(b, a);
  return commonType(a, b);
}

/** Runs `body` until the state types that go in are those that come out, giving up precision where they differ. */
function settle(c: InferContext, state: Types, body: (state: Types) => Types): { state: Types; outputs: Types } {
  let current = state;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const outputs = body(current);
    const next = current.map((type, i) => meet(type, outputs[i]));
    if (next.every((type, i) => equalTypes(type, current[i]))) return { state: current, outputs };
    current = next;
  }
  return { state: current, outputs: body(current.map((type) => type && withoutShape(type))) };
}

/** A state that turns from an optional into its content (the first round fills it) counts as the content. */
function meet(state: ValueType | undefined, returned: ValueType | undefined): ValueType | undefined {
  if (!state || (returned && state.kind !== returned.kind)) return returned;
  return commonType(state, returned) ?? withoutShape(state);
}

const withoutShape = (type: ValueType): ValueType => (type.kind === "tensor" ? tensorType(type.dtype) : type);

/** Loop: outputs are the state behind the last iteration, then one stacked tensor per scan output. */
export const inferLoop = (c: InferContext): void => {
  const initial = Array.from({ length: Math.max(0, c.inputCount - 2) }, (_, i) => c.type(i + 2));
  const inputs = c.node.attribute("body", "graph")?.inputs ?? [];
  const counter = tensorType("int64", oneElement(inputs[0]));
  const condition = tensorType("bool", oneElement(inputs[1]));
  const { state, outputs } = settle(c, initial, (types) => c.inferGraph("body", [counter, condition, ...types]).slice(1));
  state.forEach((type, i) => type && c.setType(i, type));
  const times = tripCount(c);
  for (let i = state.length; i < c.outputCount; i++) c.setType(i, stacked(outputs[i], 0, times));
};

/** Iteration number and condition come as scalars or, where the body declares [1], as vectors of one: engines go by the declaration. */
const oneElement = (declared: Value | undefined): Shape => (declared?.shape?.length === 1 ? [1] : []);

/** The number of iterations: M when the condition is always true, else a symbol of its own. */
function tripCount(c: InferContext): Dim {
  const body = c.node.attribute("body", "graph");
  const limit = c.has(0) ? c.dims(0)?.[0] : undefined;
  if (body && limit !== undefined && limit !== null && startsTrue(c) && staysTrue(body)) return typeof limit === "number" ? Math.max(0, limit) : limit;
  return c.symbol("iterations");
}

const startsTrue = (c: InferContext): boolean => !c.has(1) || c.constant(1)?.toNumbers()[0] === 1;

function staysTrue(body: Graph): boolean {
  let value: Value | undefined = body.outputs[0];
  while (value?.producer?.is("Identity")) value = value.producer.input(0);
  return value !== undefined && (value === body.inputs[1] || value.constant?.toNumbers()[0] === 1);
}

function stacked(type: ValueType | undefined, axis: number, length: Dim): ValueType {
  const shape = type?.kind === "tensor" ? type.shape : undefined;
  return tensorType(type?.kind === "tensor" ? type.dtype : undefined, shape && insert(shape, axis < 0 ? axis + shape.length + 1 : axis, length));
}

const insert = (shape: Shape, axis: number, dim: Dim): Shape => [...shape.slice(0, axis), dim, ...shape.slice(axis)];
const remove = (shape: Shape, axis: number): Shape => shape.filter((_, i) => i !== axis);

function sliced(c: InferContext, input: number, axis: number): ValueType | undefined {
  const type = c.type(input);
  return type?.kind === "tensor" ? tensorType(type.dtype, type.shape && remove(type.shape, axis < 0 ? axis + type.shape.length : axis)) : undefined;
}

/** Scan: state variables, then inputs read slice by slice; scan outputs stack their slices. Version 8 had a batch axis. */
export const inferScan = (c: InferContext): void => {
  if (c.opset < 9) return inferScan8(c);
  const scans = c.node.int("num_scan_inputs", 0);
  const states = c.inputCount - scans;
  const axisOf = (i: number): number => c.node.ints("scan_input_axes")?.[i] ?? 0;
  const slices = Array.from({ length: scans }, (_, i) => sliced(c, states + i, axisOf(i)));
  const initial = Array.from({ length: states }, (_, i) => c.type(i));
  const { state, outputs } = settle(c, initial, (types) => c.inferGraph("body", [...types, ...slices]));
  state.forEach((type, i) => type && c.setType(i, type));
  const length = scanLength(c, states, scans, axisOf);
  for (let i = states; i < c.outputCount; i++) c.setType(i, stacked(outputs[i], c.node.ints("scan_output_axes")?.[i - states] ?? 0, length));
};

function scanLength(c: InferContext, states: number, scans: number, axisOf: (i: number) => number): Dim {
  let length: Dim = null;
  for (let i = 0; i < scans; i++) {
    const dim = c.shape(states + i)?.at(axisOf(i)) ?? null;
    if (typeof dim === "number" && typeof length === "number" && dim !== length) c.fail(`expects scan inputs of one length, but ${length} and ${dim} came`);
    if (length === null || typeof dim === "number") length = dim ?? length;
  }
  return length;
}

function inferScan8(c: InferContext): void {
  const scans = c.node.int("num_scan_inputs", 0);
  const states = c.inputCount - 1 - scans;
  const drop = (input: number, axes: number): ValueType | undefined => {
    const type = c.type(input);
    return type?.kind === "tensor" ? tensorType(type.dtype, type.shape?.slice(axes)) : undefined;
  };
  const first = c.shape(1);
  const [batch = null, length = null] = c.shape(1 + states) ?? [first?.[0] ?? null];
  const slices = Array.from({ length: scans }, (_, i) => drop(1 + states + i, 2));
  const { state, outputs } = settle(c, Array.from({ length: states }, (_, i) => drop(1 + i, 1)), (types) => c.inferGraph("body", [...types, ...slices]));
  state.forEach((type, i) => c.setType(i, stacked(type, 0, batch)));
  for (let i = states; i < c.outputCount; i++) c.setType(i, stacked(stacked(outputs[i], 0, length), 0, batch));
}
