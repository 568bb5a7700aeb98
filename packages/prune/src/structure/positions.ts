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
  /** For each root, the number of the reason that holds its class; 0 for none. */
  #held = new Int32Array(0);
  #approximate = new Uint8Array(0);
  readonly #reasons: string[] = [""];
  readonly #numberOf = new Map<string, number>();

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
    this.#held = new Int32Array(this.#total);
    this.#approximate = new Uint8Array(this.#total);
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
    if (this.#held[x] === 0) this.#held[x] = this.#held[y]!;
    this.#approximate[x]! |= this.#approximate[y]!;
  }

  holdAxis(axis: AxisInfo | undefined, reason: string): void {
    if (!axis) return;
    const number = this.#numberFor(reason);
    for (let i = axis.start; i < axis.start + axis.length; i++) {
      const root = this.find(i);
      if (this.#held[root] === 0) this.#held[root] = number;
    }
  }

  #numberFor(reason: string): number {
    let number = this.#numberOf.get(reason);
    if (number === undefined) {
      number = this.#reasons.push(reason) - 1;
      this.#numberOf.set(reason, number);
    }
    return number;
  }

  /** Why a position cannot be cut; undefined when it can. */
  heldBy(position: number): string | undefined {
    const number = this.#held[this.find(position)]!;
    return number === 0 ? undefined : this.#reasons[number];
  }

  markApproximate(axis: AxisInfo): void {
    for (let i = 0; i < axis.length; i++) this.#approximate[this.find(axis.start + i)] = 1;
  }

  isApproximate(position: number): boolean {
    return this.#approximate[this.find(position)] === 1;
  }
}
