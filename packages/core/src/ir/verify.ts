/** Checks of a model's structure, run between passes and before a model is handed out. */
import type { LatheError } from "../errors.ts";
import type { OpTable } from "../ops/op.ts";
import type { Graph } from "./graph.ts";
import type { Model } from "./model.ts";
import type { Node } from "./node.ts";
import type { Value } from "./value.ts";
import { verifyErrors } from "./verify-errors.ts";
import { checkFunctions } from "./verify-functions.ts";
import { checkSchema } from "./verify-schema.ts";

export interface VerifyOptions {
  /** Operators whose signatures are checked; without it only the structure is. */
  readonly ops?: OpTable;
}

/** One finding. A warning leaves the model usable. */
export interface Issue {
  readonly severity: "error" | "warning";
  readonly error: LatheError;
}

/** Everything that is wrong with a model; an empty list when it is sound. Linear in the size of the graph. */
export function verify(model: Model, options: VerifyOptions = {}): readonly Issue[] {
  const issues: Issue[] = [];
  const report = (error: LatheError, severity: Issue["severity"] = "error"): void => void issues.push({ severity, error });
  checkTop(model.graph, report);
  checkSignature(model.graph, report);
  for (const fn of model.functions.values()) checkTop(fn.body, report);
  checkFunctions(model, report);
  const tops = [{ graph: model.graph, opsets: model.opsetImports }, ...[...model.functions.values()].map((f) => ({ graph: f.body, opsets: f.opsetImports }))];
  for (const { graph, opsets } of tops) for (const node of graph.allNodes()) checkSchema(node, model, opsets, options.ops, report);
  return issues;
}

/**
 * Passes when the model is sound (warnings are allowed).
 * @throws the first error found: one of the VERIFY_* codes.
 */
export function assertValid(model: Model, options: VerifyOptions = {}): void {
  const found = verify(model, options).find((issue) => issue.severity === "error");
  if (found) throw found.error;
}

export type Report = (error: LatheError, severity?: Issue["severity"]) => void;

function checkTop(graph: Graph, report: Report): void {
  const uses = new Map<Value, number>();
  checkGraph(graph, new Set(), new Set(), uses, report);
  for (const one of graph.allGraphs()) {
    for (const value of one.values()) {
      const expected = uses.get(value) ?? 0;
      const received = value.useCount + value.outputCount;
      if (expected !== received) report(verifyErrors.VERIFY_USES({ value: value.name, expected, received }));
    }
  }
}

/** `ready` holds what has been made so far, in this graph and around it; `around` the graphs that enclose this one. */
function checkGraph(graph: Graph, ready: Set<Value>, around: ReadonlySet<Graph>, uses: Map<Value, number>, report: Report): void {
  const visible = new Set(around).add(graph);
  const own: Value[] = [];
  const define = (value: Value): void => {
    ready.add(value);
    own.push(value);
  };
  const count = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const value of graph.inputs) {
    if (value.origin.kind !== "input" || value.origin.graph !== graph) report(verifyErrors.VERIFY_ORIGIN({ value: value.name, where: `the inputs of graph "${graph.name}"` }));
    define(value);
  }
  for (const value of graph.initializers) {
    checkInitializer(value, graph, report);
    define(value);
  }
  for (const node of graph.nodes) {
    node.inputs.forEach((value, index) => {
      if (!value) return;
      count(value);
      if (!ready.has(value)) report(notReady(node, value, index, graph, visible));
    });
    for (const { name, graph: inner } of node.subgraphs) {
      if (inner.parent !== node) report(verifyErrors.VERIFY_PARENT({ node: node.label, attribute: name }));
      checkGraph(inner, ready, visible, uses, report);
    }
    node.outputs.forEach((value, index) => {
      if (!value) return;
      const { origin } = value;
      if (origin.kind !== "output" || origin.node !== node || origin.index !== index) report(verifyErrors.VERIFY_ORIGIN({ value: value.name, where: `the outputs of node "${node.label}"` }));
      define(value);
    });
  }
  for (const value of graph.outputs) {
    count(value);
    if (!ready.has(value)) report(verifyErrors.VERIFY_OUTPUT({ graph: graph.name, value: value.name, reason: "is not made in the graph" }));
  }
  for (const value of own) ready.delete(value);
}

function notReady(node: Node, value: Value, index: number, graph: Graph, visible: ReadonlySet<Graph>): LatheError {
  const owner = value.graph;
  if (!owner) return verifyErrors.VERIFY_DANGLING({ node: node.label, value: value.name, index });
  if (!visible.has(owner)) return verifyErrors.VERIFY_NOT_VISIBLE({ node: node.label, value: value.name, owner: owner.name, graph: graph.name });
  if (value.producer) return verifyErrors.VERIFY_ORDER({ node: node.label, value: value.name, producer: value.producer.label });
  return verifyErrors.VERIFY_DANGLING({ node: node.label, value: value.name, index });
}

function checkInitializer(value: Value, graph: Graph, report: Report): void {
  const fail = (reason: string): void => report(verifyErrors.VERIFY_INITIALIZER({ value: value.name, reason }));
  if (value.origin.kind !== "initializer" || value.origin.graph !== graph) report(verifyErrors.VERIFY_ORIGIN({ value: value.name, where: `the initializers of graph "${graph.name}"` }));
  const { tensor, type } = value;
  if (!tensor) return fail("has no content");
  if (type?.kind !== "tensor") return;
  if (type.dtype !== undefined && type.dtype !== tensor.dtype) fail(`holds ${tensor.dtype} but is typed ${type.dtype}`);
  const same = !type.shape || (type.shape.length === tensor.dims.length && type.shape.every((d, i) => typeof d !== "number" || d === tensor.dims[i]));
  if (!same) fail(`holds a tensor of shape [${tensor.dims.join(",")}] but is typed [${type.shape?.join(",")}]`);
}

/** Names of the main graph's inputs and outputs are what callers use. */
function checkSignature(graph: Graph, report: Report): void {
  const inputs = new Set<string>();
  for (const { name } of graph.inputs) {
    const reason = name === "" ? "has no name" : inputs.has(name) ? "has the name of another input" : undefined;
    if (reason) report(verifyErrors.VERIFY_INPUT_NAME({ graph: graph.name, value: name, reason }));
    inputs.add(name);
  }
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    const reason = name === "" ? "has no name" : outputs.has(name) ? "has the name of another output" : undefined;
    if (reason) report(verifyErrors.VERIFY_OUTPUT({ graph: graph.name, value: name, reason }));
    outputs.add(name);
  }
}
