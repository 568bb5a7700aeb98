/** Calls of model-local functions are replaced by their bodies. */
import { isLatheError, type LatheError } from "../errors.ts";
import { cloneGraph } from "../ir/clone.ts";
import type { Graph } from "../ir/graph.ts";
import type { FunctionDef, Model } from "../ir/model.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { calledFunction, checkFunctions } from "../ir/verify-functions.ts";
import { bindAttributes } from "../ops/function-call.ts";
import { redirectAll } from "./edit.ts";
import { passErrors } from "./errors.ts";
import { convertScope } from "./opset/convert-opset.ts";
import type { Pass, PassContext } from "./pass.ts";

/** Nodes that inlining may make: the bodies of a hostile model call each other so that every level doubles them. */
const MAX_INLINED_NODES = 2_000_000;

export const inlineFunctions: Pass = {
  name: "inline-functions",
  summary: "Replaces calls of local functions by their bodies.",
  run(model, ctx) {
    if (model.functions.size === 0) return { modified: false };
    checkFunctions(model, throwIt);
    checkGrowth(model);
    let modified = false;
    for (const graph of [...model.graph.allGraphs()]) {
      for (const node of [...graph.nodes]) {
        // A body may call further functions: its nodes are looked at as well.
        const open: Node[] = [node];
        for (let call = open.pop(); call; call = open.pop()) {
          const fn = calledFunction(model, call);
          if (!fn) continue;
          const made = inlineCall(call, fn, model, ctx);
          open.push(...(made ?? []));
          modified ||= made !== undefined;
        }
      }
    }
    return { modified };
  },
};

function throwIt(error: LatheError): never {
  throw error;
}

const refuse = (node: Node, fn: FunctionDef, reason: string): LatheError => passErrors.FUNCTION_CANNOT_INLINE({ node: node.label, function: `${fn.domain}.${fn.name}`, reason });

/** Counts what all calls expand to before anything is expanded. */
function checkGrowth(model: Model): void {
  const sizes = new Map<FunctionDef, number>();
  const sizeOf = (graph: Graph): number => {
    let size = 0;
    for (const node of graph.allNodes()) {
      const fn = calledFunction(model, node);
      if (fn && !sizes.has(fn)) sizes.set(fn, sizeOf(fn.body));
      size += fn ? sizes.get(fn)! : 1;
      if (fn && size > MAX_INLINED_NODES) throw refuse(node, fn, `the calls expand to more than ${MAX_INLINED_NODES} nodes`);
    }
    return size;
  };
  sizeOf(model.graph);
}

/** Gives the nodes that came in; undefined, with a warning, when body and model speak different operator sets. */
function inlineCall(call: Node, fn: FunctionDef, model: Model, ctx: PassContext): Node[] | undefined {
  const graph = call.graph!;
  const body = cloneGraph(fn.body);
  bindAttributes(body, call, fn);
  try {
    alignOpsets(body, call, fn, model, ctx);
  } catch (error) {
    if (!isLatheError(error)) throw error;
    ctx.warn({ code: error.code, message: error.message, node: call.label });
    return undefined;
  }
  body.inputs.forEach((formal, i) => substitute(formal, call.input(i) ?? null, body));
  const nodes = [...body.nodes];
  prefixNames(body, call);
  for (const node of nodes) graph.insertBefore(call, body.detach(node));
  const results = [...body.outputs];
  while (body.outputs.length > 0) body.removeOutput(body.outputs.length - 1);
  call.outputs.forEach((output, i) => {
    const result = results[i] && resultOf(results[i], body, call);
    if (output && result) redirectAll(output, result, call);
  });
  graph.remove(call);
  return nodes;
}

/** Names say which call a node came from, and stay different when a function is called twice. */
function prefixNames(body: Graph, call: Node): void {
  const prefix = `${call.name || call.out.name || call.opType}/`;
  for (const node of body.allNodes()) {
    node.name = prefix + (node.name || node.opType);
    for (const output of node.outputs) if (output && output.name !== "") output.name = prefix + output.name;
  }
}

/** A function may hand an input through: then the caller's value is the result. */
function resultOf(result: Value, body: Graph, call: Node): Value | undefined {
  const at = body.inputs.indexOf(result);
  return at < 0 ? result : call.input(at);
}

function substitute(formal: Value, actual: Value | null, body: Graph): void {
  for (const { node, index } of formal.uses) node.setInput(index, actual);
  for (const inner of body.allGraphs()) {
    if (inner === body || !actual) continue;
    inner.outputs.forEach((value, i) => value === formal && inner.setOutput(i, actual));
  }
}

/** The body must speak the model's operator sets: it is converted up, or its imports are added. */
function alignOpsets(body: Graph, call: Node, fn: FunctionDef, model: Model, ctx: PassContext): void {
  for (const [domain, version] of fn.opsetImports) {
    const own = model.opsetImports.get(domain);
    if (own === undefined) model.opsetImports.set(domain, version);
    else if (own === version) continue;
    else if (domain === "" && version < own) convertScope({ model, graph: body, opsets: new Map(fn.opsetImports), isFunction: true }, own, ctx);
    else if ([...body.allNodes()].some((node) => node.domain === domain)) {
      throw refuse(call, fn, `it needs version ${version} of "${domain || "ai.onnx"}" and the model has ${own}`);
    }
  }
}
