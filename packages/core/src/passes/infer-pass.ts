import { inferShapes } from "../ops/infer.ts";
import type { Model } from "../ir/model.ts";
import type { Value } from "../ir/value.ts";
import type { Dim } from "../ir/type.ts";
import { Tensor } from "../tensor.ts";
import { redirectConstant } from "./edit.ts";
import type { Pass, PassContext } from "./pass.ts";
import { Site, type Scope } from "./scope.ts";

/**
 * Shape inference that passes may rely on: what a model declares of its inner values is disregarded, because files whose inputs were
 * made dynamic by hand often still declare the old sizes inside. Declared types of graph outputs are part of the signature and stay.
 */
function inferForPasses(model: Model, ctx: PassContext): ReturnType<typeof inferShapes> {
  const declared = model.graph.outputs.map((value) => value.type);
  const result = inferShapes(model, { ops: ctx.ops, ignoreDeclared: true });
  model.graph.outputs.forEach((value, i) => (value.type = declared[i] ?? value.type));
  return result;
}

/** Writes element types and shapes to all values; other passes read them. Changes no node. */
export const inferTypes: Pass = {
  name: "infer-types",
  summary: "Finds the element type and shape of every value.",
  run(model, ctx) {
    inferForPasses(model, ctx);
    return { modified: false };
  },
};

/**
 * Integer values that shape inference knows become constants: what Shape, Gather, Concat and arithmetic on them yield for a static
 * shape. A Reshape whose target has one unknown size gets a constant target with -1 there.
 */
export const shapeConstants: Pass = {
  name: "shape-constants",
  summary: "Replaces computed shapes that are known in advance by constants.",
  run(model, ctx) {
    const { dims } = inferForPasses(model, ctx);
    const scope: Scope = { model, graph: model.graph, opsets: model.opsetImports, isFunction: false };
    let modified = false;
    for (const graph of [...model.graph.allGraphs()]) {
      for (const node of graph.nodes) {
        const site = new Site(node, graph, scope, ctx);
        for (const output of node.outputs) if (output && known(output, dims)) modified = materialise(site, output, dims) || modified;
        if (node.graph && node.is("Reshape")) modified = fixTarget(site, dims) || modified;
      }
    }
    return { modified };
  },
};

const isNumbers = (list: readonly Dim[] | undefined): list is readonly number[] => list !== undefined && list.every((d) => typeof d === "number");

const known = (value: Value, dims: ReadonlyMap<Value, readonly Dim[]>): boolean =>
  !value.constant && !value.isUnused && (value.dtype === "int64" || value.dtype === "int32") && value.rank !== undefined && value.rank <= 1 && isNumbers(dims.get(value));

function materialise(site: Site, value: Value, dims: ReadonlyMap<Value, readonly Dim[]>): boolean {
  const list = dims.get(value) as readonly number[];
  if (value.rank === 0 && list.length !== 1) return false;
  const shape = value.rank === 0 ? [] : [list.length];
  return redirectConstant(value, Tensor.from(value.dtype!, shape, list), site);
}

function fixTarget(site: Site, dims: ReadonlyMap<Value, readonly Dim[]>): boolean {
  const target = site.node.input(1);
  const sizes = target && !target.constant && site.node.int("allowzero", 0) === 0 ? dims.get(target) : undefined;
  if (!sizes || target?.rank !== 1) return false;
  const input = site.node.input(0)?.shape;
  // A symbol that the input has on the same axis is 0 ("as it is"), as a computed 0 is already; one other unknown may be -1.
  const fixed = sizes.map((d, i) => (typeof d === "number" ? d : d !== null && input?.[i] === d ? 0 : -1));
  const free = fixed.filter((d) => d === -1).length;
  if (free > 1 || fixed.some((d) => d < -1)) return false;
  site.node.setInput(1, site.constant(Tensor.int64(fixed), target.name || "shape"));
  return true;
}
