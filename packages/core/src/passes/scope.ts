/** Where passes work: the main graph and the bodies of functions, each with its operator sets. */
import type { Attribute } from "../ir/attribute.ts";
import type { Graph } from "../ir/graph.ts";
import type { Model } from "../ir/model.ts";
import { Node } from "../ir/node.ts";
import type { ValueType } from "../ir/type.ts";
import type { Value } from "../ir/value.ts";
import type { Tensor } from "../tensor.ts";
import type { Pass, PassContext } from "./pass.ts";

export interface Scope {
  readonly model: Model;
  /** The main graph or a function's body; its subgraphs belong to the same scope. */
  readonly graph: Graph;
  readonly opsets: Map<string, number>;
  /** Function bodies have no initializers: constants there are Constant nodes. */
  readonly isFunction: boolean;
}

export function scopes(model: Model): readonly Scope[] {
  const bodies = [...model.functions.values()].map((fn) => ({ model, graph: fn.body, opsets: fn.opsetImports, isFunction: true }));
  return [{ model, graph: model.graph, opsets: model.opsetImports, isFunction: false }, ...bodies];
}

/** A node that a rewrite looks at, with what it needs to change the graph there. */
export class Site {
  readonly node: Node;
  readonly graph: Graph;
  readonly scope: Scope;
  readonly ctx: PassContext;

  constructor(node: Node, graph: Graph, scope: Scope, ctx: PassContext) {
    this.node = node;
    this.graph = graph;
    this.scope = scope;
    this.ctx = ctx;
  }

  /** Version of the default operator set. */
  get opset(): number {
    return this.scope.opsets.get("") ?? 0;
  }

  /** The same context at another node. */
  at(node: Node, graph: Graph = this.graph): Site {
    return new Site(node, graph, this.scope, this.ctx);
  }

  /** Inserts a node before this one and gives its first output. */
  emit(opType: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}, type?: ValueType): Value {
    const node = this.graph.insertBefore(this.node, new Node({ opType, inputs, attributes }));
    node.out.type = type;
    return node.out;
  }

  /** A new constant, visible from this node on. */
  constant(tensor: Tensor, name = "constant"): Value {
    return makeConstant(tensor, name, this.node, this.graph, this.scope.isFunction);
  }
}

/** An initializer, or a Constant node before `anchor` where initializers are not allowed. */
export function makeConstant(tensor: Tensor, name: string, anchor: Node, graph: Graph, asNode: boolean): Value {
  if (!asNode) return graph.addInitializer(name, tensor);
  const node = new Node({ opType: "Constant", outputs: [name], attributes: { value: { kind: "tensor", value: tensor } } });
  const { out } = graph.insertBefore(anchor, node);
  out.type = { kind: "tensor", dtype: tensor.dtype, shape: tensor.dims };
  return out;
}

/** Changes the graph at one node; true when it did. */
export type Rewrite = (site: Site) => boolean;

/** A pass that offers every node, subgraphs included, to rewrites; the first that changes something ends that node's turn. */
export function nodePass(name: string, summary: string, ...rewrites: readonly Rewrite[]): Pass {
  return {
    name,
    summary,
    run(model, ctx) {
      let modified = false;
      for (const scope of scopes(model)) {
        for (const graph of [...scope.graph.allGraphs()]) {
          for (const node of graph.nodes) {
            ctx.signal?.throwIfAborted();
            const site = new Site(node, graph, scope, ctx);
            if (rewrites.some((rewrite) => node.graph === graph && rewrite(site))) modified = true;
          }
        }
      }
      return { modified };
    },
  };
}
