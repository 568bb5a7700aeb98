import type { DType } from "../dtype.ts";
import type { Tensor } from "../tensor.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./node.ts";
import { tensorType, type Shape, type ValueType } from "./type.ts";

/** Where a value comes from. A `detached` value belongs to no graph (its node was removed). */
export type Origin =
  | { readonly kind: "input"; readonly graph: Graph }
  | { readonly kind: "initializer"; readonly graph: Graph }
  | { readonly kind: "output"; readonly node: Node; readonly index: number }
  | { readonly kind: "detached" };

/** One consumer: input number `index` of `node`. */
export interface Use {
  readonly node: Node;
  readonly index: number;
}

/**
 * An edge of the graph. Identity is the object; the name is a label, made unique when the model is written.
 * Uses are kept by Node and Graph: never edit them by hand.
 */
export class Value {
  name: string;
  type: ValueType | undefined;
  origin: Origin = { kind: "detached" };
  /** Content of an initializer, or the default of a graph input (IR version 3 lists initializers as inputs). */
  tensor: Tensor | undefined;
  docString: string | undefined;
  metadata: Map<string, string> | undefined;
  unknown: Uint8Array | undefined;
  /** @internal input slots that read this value. */
  readonly slots = new Map<Node, Set<number>>();
  /** @internal how often it stands in the outputs of a graph. */
  outputCount = 0;

  constructor(name = "", type?: ValueType, tensor?: Tensor) {
    this.name = name;
    this.tensor = tensor;
    this.type = type ?? (tensor ? tensorType(tensor.dtype, tensor.dims) : undefined);
  }

  get dtype(): DType | undefined {
    return this.type?.kind === "tensor" || this.type?.kind === "sparse" ? this.type.dtype : undefined;
  }

  get shape(): Shape | undefined {
    return this.type?.kind === "tensor" || this.type?.kind === "sparse" ? this.type.shape : undefined;
  }

  get rank(): number | undefined {
    return this.shape?.length;
  }

  /** The node that makes this value; undefined for inputs and initializers. */
  get producer(): Node | undefined {
    return this.origin.kind === "output" ? this.origin.node : undefined;
  }

  /** The graph that owns this value; undefined when detached. */
  get graph(): Graph | undefined {
    if (this.origin.kind === "detached") return undefined;
    return this.origin.kind === "output" ? this.origin.node.graph : this.origin.graph;
  }

  /** All consumers, also nodes in subgraphs that capture the value; in order of first use. A snapshot: safe while editing. */
  get uses(): readonly Use[] {
    const all: Use[] = [];
    for (const [node, indices] of this.slots) for (const index of indices) all.push({ node, index });
    return all;
  }

  /** Number of input slots that read it (graph outputs are not counted; see {@link isGraphOutput}). */
  get useCount(): number {
    let count = 0;
    for (const indices of this.slots.values()) count += indices.size;
    return count;
  }

  get consumers(): readonly Node[] {
    return [...this.slots.keys()];
  }

  get isGraphOutput(): boolean {
    return this.outputCount > 0;
  }

  get isGraphInput(): boolean {
    return this.origin.kind === "input";
  }

  get isInitializer(): boolean {
    return this.origin.kind === "initializer";
  }

  /** True when nothing reads it. */
  get isUnused(): boolean {
    return this.slots.size === 0 && this.outputCount === 0;
  }

  /** The tensor that this value always has: an initializer or the output of a `Constant` node (tensor, int(s), float(s)); else undefined. */
  get constant(): Tensor | undefined {
    if (this.origin.kind === "initializer") return this.tensor;
    return this.origin.kind === "output" ? this.origin.node.constantOutput(this.origin.index) : undefined;
  }
}
