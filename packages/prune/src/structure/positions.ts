/**
 * All axes of static length in a graph, and an equivalence over their positions: positions in one class must be cut together.
 * A class may be held, with the reason. Union-find with path halving and union by size (Tarjan 1975).
 */
import type { Node, Value } from "@lathe/core";

/** One axis: of a value, or a factor (virtual axis) of a node's rule. */
export interface AxisInfo {
  readonly id: number;
  readonly value: Value | undefined;
  readonly node: Node | undefined;
  readonly axis: number;
  readonly length: number;
  /** Number of the first position of this axis among all positions. */
  readonly start: number;
}

export class Positions {
  readonly axes: AxisInfo[] = [];
  readonly #ofValue = new Map<Value, (AxisInfo | undefined)[]>();
  readonly #ofFactor = new Map<Node, AxisInfo[]>();
  #total = 0;
  #parent = new Int32Array(0);
  #size = new Int32Array(0);
  readonly #held = new Map<number, string>();
  readonly #approximate = new Set<number>();

  get total(): number {
    return this.#total;
  }

  /** Declares a value's axes; those of unknown length get none. */
  addValue(value: Value): void {
    if (this.#ofValue.has(value)) return;
    const shape = value.tensor?.dims ?? value.shape ?? [];
    this.#ofValue.set(value, shape.map((length, axis) => (typeof length === "number" ? this.#add(length, axis, value, undefined) : undefined)));
  }

  addFactors(node: Node, lengths: readonly number[]): void {
    this.#ofFactor.set(node, lengths.map((length, index) => this.#add(length, index, undefined, node)));
  }

  #add(length: number, axis: number, value: Value | undefined, node: Node | undefined): AxisInfo {
    const info: AxisInfo = { id: this.axes.length, value, node, axis, length, start: this.#total };
    this.#total += length;
    this.axes.push(info);
    return info;
  }

  axisOf(value: Value | undefined, axis: number): AxisInfo | undefined {
    return value && this.#ofValue.get(value)?.[axis];
  }

  factorOf(node: Node, index: number): AxisInfo | undefined {
    return this.#ofFactor.get(node)?.[index];
  }

  axesOf(value: Value): readonly (AxisInfo | undefined)[] {
    return this.#ofValue.get(value) ?? [];
  }

  /** Starts (again) with every position in a class of its own and nothing held. */
  reset(): void {
    this.#parent = Int32Array.from({ length: this.#total }, (_, i) => i);
    this.#size = new Int32Array(this.#total).fill(1);
    this.#held.clear();
    this.#approximate.clear();
  }

  find(position: number): number {
    const parent = this.#parent;
    let at = position;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  }

  union(a: number, b: number): void {
    let [x, y] = [this.find(a), this.find(b)];
    if (x === y) return;
    if (this.#size[x]! < this.#size[y]!) [x, y] = [y, x];
    this.#parent[y] = x;
    this.#size[x]! += this.#size[y]!;
    const reason = this.#held.get(y);
    if (reason !== undefined && !this.#held.has(x)) this.#held.set(x, reason);
    if (this.#approximate.has(y)) this.#approximate.add(x);
  }

  hold(position: number, reason: string): void {
    const root = this.find(position);
    if (!this.#held.has(root)) this.#held.set(root, reason);
  }

  holdAxis(axis: AxisInfo | undefined, reason: string): void {
    if (axis) for (let i = 0; i < axis.length; i++) this.hold(axis.start + i, reason);
  }

  /** Why a position cannot be cut; undefined when it can. */
  heldBy(position: number): string | undefined {
    return this.#held.get(this.find(position));
  }

  markApproximate(axis: AxisInfo): void {
    for (let i = 0; i < axis.length; i++) this.#approximate.add(this.find(axis.start + i));
  }

  isApproximate(position: number): boolean {
    return this.#approximate.has(this.find(position));
  }
}
