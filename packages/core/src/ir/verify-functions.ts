import { functionKey, type FunctionDef, type Model } from "./model.ts";
import type { Node } from "./node.ts";
import type { Report } from "./verify.ts";
import { verifyErrors } from "./verify-errors.ts";

/** ONNX's own limit on how deep function calls nest. */
export const MAX_FUNCTION_DEPTH = 100;

/** The local function that a node calls, if it calls one. */
export const calledFunction = (model: Model, node: Node): FunctionDef | undefined => model.functions.get(functionKey(node.domain, node.opType, node.overload));

const nameOf = (fn: FunctionDef): string => (fn.domain === "" ? fn.name : `${fn.domain}.${fn.name}`);

/** No cycles, no deep nesting, references only to attributes that exist, no references outside functions. */
export function checkFunctions(model: Model, report: Report): void {
  for (const fn of model.functions.values()) {
    const known = new Set([...fn.attributes, ...fn.attributeDefaults.keys()]);
    for (const node of fn.body.allNodes()) {
      for (const [name, { ref }] of node.attributes) {
        if (ref !== undefined && !known.has(ref)) report(verifyErrors.VERIFY_FUNCTION({ name: nameOf(fn), reason: `takes "${name}" of node "${node.label}" from an attribute "${ref}" that it does not declare` }));
      }
    }
  }
  for (const node of model.graph.allNodes()) {
    for (const [attribute, { ref }] of node.attributes) {
      if (ref !== undefined) report(verifyErrors.VERIFY_ATTRIBUTE({ node: node.label, op: node.op, attribute, reason: `refers to a function attribute "${ref}" outside of a function` }));
    }
  }
  checkDepth(model, report);
}

function checkDepth(model: Model, report: Report): void {
  const depths = new Map<FunctionDef, number>();
  const open = new Set<FunctionDef>();
  const cyclic = new Set<FunctionDef>();
  // Depth first over calls, with an explicit stack: a hostile file must not overflow ours.
  for (const root of model.functions.values()) {
    const stack: { fn: FunctionDef; calls: FunctionDef[]; at: number }[] = [];
    const enter = (fn: FunctionDef): void => {
      open.add(fn);
      stack.push({ fn, calls: callsOf(model, fn), at: 0 });
    };
    if (!depths.has(root)) enter(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const next = top.calls[top.at++];
      if (next === undefined) {
        depths.set(top.fn, 1 + Math.max(0, ...top.calls.map((fn) => depths.get(fn) ?? 0)));
        open.delete(top.fn);
        stack.pop();
      } else if (open.has(next)) cyclic.add(next);
      else if (!depths.has(next)) enter(next);
    }
  }
  for (const fn of cyclic) report(verifyErrors.VERIFY_FUNCTION({ name: nameOf(fn), reason: "calls itself" }));
  for (const [fn, depth] of depths) if (depth > MAX_FUNCTION_DEPTH) report(verifyErrors.VERIFY_FUNCTION({ name: nameOf(fn), reason: `nests ${depth} calls deep` }));
}

function callsOf(model: Model, fn: FunctionDef): FunctionDef[] {
  const calls = new Set<FunctionDef>();
  for (const node of fn.body.allNodes()) {
    const called = calledFunction(model, node);
    if (called) calls.add(called);
  }
  return [...calls];
}
