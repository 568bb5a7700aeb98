import type { Node } from "../ir/node.ts";
import { isStatic } from "../ir/type.ts";
import type { Value } from "../ir/value.ts";
import { valueBytes } from "../ir/node.ts";
import { calledFunction } from "../ir/verify-functions.ts";
import type { Tensor } from "../tensor.ts";
import { constantInts, constantScalar } from "./constants.ts";
import type { Pass, PassContext } from "./pass.ts";
import { makeConstant, nodePass, scopes, type Scope } from "./scope.ts";

/** Constant nodes become initializers, where other passes and engines look for weights. */
export const constantNodes: Pass = nodePass(
  "constant-nodes",
  "Turns Constant nodes into initializers.",
  ({ node, graph, scope }) => {
    const tensor = node.outputs.length === 1 ? node.constantOutput(0) : undefined;
    // A subgraph has to make what it returns itself.
    if (!tensor || scope.isFunction || (node.out.isGraphOutput && graph.parent)) return false;
    const { out } = node;
    const value = graph.addInitializer(out.name, tensor);
    value.docString = out.docString;
    value.metadata = out.metadata;
    graph.replaceUses(out, value);
    graph.remove(node);
    return true;
  },
);

/** Growth that folding may cause per node: a constant up to this size is worth its bytes whatever it replaces. */
export const FREE_FOLD_BYTES = 64 * 1024;

/**
 * Computes nodes whose inputs are all constant. Left alone: random and unknown operators, function calls, control flow, quantization
 * (folding DequantizeLinear would undo it), results larger than `ctx.maxFoldBytes`, and results that add more bytes to the
 * model than {@link FREE_FOLD_BYTES} and the constants that become unused.
 */
export const foldConstants: Pass = {
  name: "fold-constants",
  summary: "Computes what depends on constants only.",
  async run(model, ctx) {
    let modified = false;
    for (const scope of scopes(model)) {
      for (const graph of [...scope.graph.allGraphs()]) {
        for (const node of graph.nodes) {
          ctx.signal?.throwIfAborted();
          if (isFoldable(node, scope, ctx)) modified = (await fold(node, scope, ctx)) || modified;
        }
      }
    }
    return { modified };
  },
};

const quantization = /Quantize|Dequantize/;

function isFoldable(node: Node, scope: Scope, ctx: PassContext): boolean {
  if (node.is("Constant") || quantization.test(node.opType) || node.subgraphs.length > 0) return false;
  const op = ctx.ops.of(node);
  if (!op || op.nondeterministic || calledFunction(scope.model, node)) return false;
  if ([...node.attributes.values()].some((a) => a.ref !== undefined)) return false;
  const present = node.inputs.filter((v) => v !== null);
  return present.length > 0 && present.every((v) => v.constant !== undefined) && node.outputs.some((o) => o !== null);
}

async function fold(node: Node, scope: Scope, ctx: PassContext): Promise<boolean> {
  const bound = boundOnBytes(node);
  if (bound === undefined || bound > ctx.maxFoldBytes || bound > growthAllowed(node)) return false;
  const opset = scope.opsets.get(node.domain) ?? 0;
  const inputs = node.inputs.map((v) => v?.constant);
  const results = ctx.ops.of(node)?.evaluate?.(node, inputs, opset) ?? (await ctx.evaluate?.(node, inputs, scope.opsets));
  if (!results || !replaceable(node, results)) return false;
  node.outputs.forEach((output, i) => {
    if (output) replaceOutput(output, results[i]!, node, scope);
  });
  node.graph!.remove(node);
  return true;
}

/** All outputs must have come, and with the element type that the graph says. */
function replaceable(node: Node, results: readonly (Tensor | undefined)[]): boolean {
  return node.outputs.every((output, i) => !output || (results[i] !== undefined && (output.dtype ?? results[i].dtype) === results[i].dtype));
}

function replaceOutput(output: Value, tensor: Tensor, node: Node, scope: Scope): void {
  const graph = node.graph!;
  const asNode = scope.isFunction || (output.isGraphOutput && graph.parent !== undefined);
  const { name } = output;
  const value = makeConstant(tensor, name, node, graph, asNode);
  graph.replaceUses(output, value);
}

/** Bytes that the model may grow by when this node is computed: constants that only it reads go away. */
function growthAllowed(node: Node): number {
  let freed = 0;
  for (const value of new Set(node.inputs)) if (value?.consumers.length === 1 && !value.isGraphOutput) freed += value.constant?.byteLength ?? 0;
  return Math.max(FREE_FOLD_BYTES, freed);
}

/** An upper bound on the bytes of all outputs, before anything is computed; undefined when there is none. */
function boundOnBytes(node: Node): number | undefined {
  const known = node.outputs.map((o) => (o && isStatic(o.shape) ? valueBytes(o) : o ? undefined : 0));
  if (known.every((b) => b !== undefined)) return known.reduce((sum, b) => sum + b, 0);
  const count = boundOnElements(node);
  // 16 bytes is the widest element; strings are not bounded, but only existing ones are moved about.
  return count === undefined ? undefined : count * 8 * node.outputs.length;
}

const product = (dims: readonly number[] | undefined): number | undefined => dims?.reduce((p, d) => p * Math.max(1, Math.abs(d)), 1);

function boundOnElements(node: Node): number | undefined {
  const sizes = node.inputs.map((v) => v?.constant?.size ?? 1);
  switch (node.opType) {
    case "ConstantOfShape":
      return product(constantInts(node.input(0)));
    case "Expand":
    case "Tile":
      return times(sizes[0], product(constantInts(node.input(1))));
    case "Range": {
      const [start, limit, delta] = [0, 1, 2].map((i) => constantScalar(node.input(i)));
      return start === undefined || limit === undefined || !delta ? undefined : Math.ceil(Math.abs((limit - start) / delta)) + 1;
    }
    case "OneHot":
      return times(sizes[0], constantScalar(node.input(1)));
    case "Pad":
    case "Resize":
    case "Upsample":
    case "Col2Im":
    case "CenterCropPad":
      return undefined;
    default:
      // Broadcasting, products and gathers give at most one element per combination of input elements.
      return sizes.reduce((p, n) => p * Math.max(1, n), 1);
  }
}

const times = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? undefined : a * b);

