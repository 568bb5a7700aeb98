/** Conversion of a model to a newer version of the default operator set. */
import { MAX_OPSET, type Model } from "../../ir/model.ts";
import type { Node } from "../../ir/node.ts";
import type { Graph } from "../../ir/graph.ts";
import type { OpSchema } from "../../ops/op.ts";
import { calledFunction } from "../../ir/verify-functions.ts";
import { passErrors } from "../errors.ts";
import type { Pass, PassContext } from "../pass.ts";
import { passContext, type PassContextInit } from "../context.ts";
import { scopes, Site, type Scope } from "../scope.ts";
import type { Adapter, Conversion } from "./adapter.ts";
import { adapters } from "./adapters.ts";
import { incompatibility } from "./compatible.ts";

const byOp = new Map<string, Adapter[]>();
for (const adapter of adapters) byOp.set(adapter.op, [...(byOp.get(adapter.op) ?? []), adapter]);

/** First operator set that came with each IR version: a model says at least the IR version of its opset. */
const irVersions: readonly (readonly [opset: number, ir: number])[] = [[25, 13], [24, 12], [23, 11], [21, 10], [19, 9], [15, 8], [12, 7], [11, 6], [10, 5], [9, 4], [0, 3]];

/** The IR version that a model of this opset has at least. */
export const irVersionFor = (opset: number): number => irVersions.find(([from]) => opset >= from)![1];

/**
 * Converts the main graph, its subgraphs and all functions to `target`, in place. Types should be known (run shape inference first):
 * then Softmax and its kin convert without extra nodes. The result computes exactly what the original does.
 * @throws OPSET_CANNOT_CONVERT naming the node; the model is then unchanged.
 * @throws OPSET_TARGET, OPSET_DOWN
 */
export function convertOpset(model: Model, target: number, init: PassContextInit = {}): { readonly modified: boolean } {
  if (!Number.isInteger(target) || target < 7 || target > MAX_OPSET) throw passErrors.OPSET_TARGET({ target, max: MAX_OPSET });
  const ctx = passContext(init);
  // A refusal may come late: it comes from a copy of the structure, before the model itself is touched.
  convertAll(model.clone(), target, ctx);
  const modified = convertAll(model, target, ctx);
  if (modified) model.irVersion = Math.max(model.irVersion, irVersionFor(target));
  return { modified };
}

function convertAll(model: Model, target: number, ctx: PassContext): boolean {
  let modified = false;
  for (const scope of scopes(model)) modified = convertScope(scope, target, ctx) || modified;
  return modified;
}

/** {@link convertOpset} as a pass; models that are at `target` or above are left alone. */
export function convertOpsetPass(target: number): Pass {
  return {
    name: "convert-opset",
    summary: `Converts the model to opset ${target}.`,
    run: (model, ctx) => (model.opset >= target || model.opset === 0 ? { modified: false } : convertOpset(model, target, ctx)),
  };
}

/** Converts one graph with its subgraphs; also used for the body of a function that is inlined into a newer model. */
export function convertScope(scope: Scope, target: number, ctx: PassContext): boolean {
  const from = scope.opsets.get("");
  if (from === undefined || from === target) return false;
  if (from > target) throw passErrors.OPSET_DOWN({ from, target });
  for (const graph of [...scope.graph.allGraphs()]) {
    for (const node of [...graph.nodes]) convertNode(new Site(node, graph, scope, ctx), from, target);
  }
  scope.opsets.set("", target);
  return true;
}

function convertNode(site: Site, from: number, target: number): void {
  const { node, graph, scope, ctx } = site;
  if (node.domain !== "" || calledFunction(scope.model, node)) return;
  let version = from;
  // Each turn takes the step to the next version of the operator, which may rename it.
  for (;;) {
    const next = nextStep(node, version, target, ctx);
    if (!next) return;
    const conversion = conversionAt(site, from, target);
    if (adapters.includes(next) && [...node.attributes.values()].some((a) => a.ref !== undefined)) conversion.refuse("an attribute is taken from the function's caller; inline functions first");
    next.convert(conversion);
    version = next.to;
    if (node.graph !== graph) return;
  }
}

function nextStep(node: Node, version: number, target: number, ctx: PassContext): Adapter | undefined {
  const due = (since: number): boolean => since > version && since <= target;
  const adapter = byOp.get(node.opType)?.find((a) => due(a.to));
  const schemas = ctx.ops.of(node)?.schemas ?? [];
  const schema = schemas.find((s) => due(s.since));
  if (adapter && (!schema || adapter.to <= schema.since)) return adapter;
  if (!schema) return undefined;
  return signatureStep(schemas.findLast((s) => s.since <= version), schema, node.opType);
}

/** A step without adapter: legal when the signatures agree. */
function signatureStep(before: OpSchema | undefined, after: OpSchema, op: string): Adapter {
  const reason = before ? incompatibility(before, after) : undefined;
  return { op, to: after.since, convert: (c) => void (reason && c.refuse(reason)) };
}

function conversionAt(site: Site, from: number, target: number): Conversion {
  const { node } = site;
  const graph: Graph = site.graph;
  return {
    node,
    graph,
    target,
    emit: (...args) => site.emit(...args),
    constant: (...args) => site.constant(...args),
    refuse(reason): never {
      throw passErrors.OPSET_CANNOT_CONVERT({ node: node.label, op: node.op, from, target, reason });
    },
  };
}
