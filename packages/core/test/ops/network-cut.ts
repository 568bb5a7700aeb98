/** A plain pruner over whole graphs, for the tests of the tie rules: one position is cut with everything that the rules say. */
import {
  axisLabel, inferShapes, standardOps, Tensor, tiePositions, type Axis, type Model, type Node, type Span, type Tie, type TieRule, type Value,
} from "@lathe/core";

/** An axis of a value, or a virtual axis of a node. */
export interface Coordinate {
  readonly key: string;
  readonly length: number;
  readonly value?: Value;
  readonly axis: number;
}

interface Link {
  readonly node: Node;
  readonly tie: Tie;
  readonly a: Coordinate;
  readonly b: Coordinate;
}

export type CutSet = Map<string, Set<number>>;

export class Network {
  readonly model: Model;
  readonly rules = new Map<Node, TieRule>();
  readonly links: Link[] = [];
  readonly byKey = new Map<string, Link[]>();
  readonly coordinates = new Map<string, Coordinate>();
  readonly #mentioned = new Map<Node, Set<string>>();
  readonly #ids = new Map<object, number>();

  constructor(model: Model) {
    this.model = model;
    unshare(model);
    inferShapes(model);
    for (const node of model.graph.nodes) {
      const rule = node.opType === "Constant" ? undefined : standardOps.of(node)?.ties?.({
        node, opset: model.opset, shape: (i) => node.input(i)?.shape, outShape: (o) => node.output(o)?.shape, constant: (i) => node.input(i)?.constant,
      });
      if (rule) this.#add(node, rule);
    }
  }

  #id(of: object): number {
    if (!this.#ids.has(of)) this.#ids.set(of, this.#ids.size);
    return this.#ids.get(of)!;
  }

  coordinate(node: Node, rule: TieRule, { port, index, axis }: Axis): Coordinate {
    const value = port === "in" ? node.input(index) : port === "out" ? node.output(index) : undefined;
    const key = value ? `${this.#id(value)}.${axis}` : `factor ${this.#id(node)}.${index}`;
    const length = value ? value.shape?.[axis] : rule.factors?.[index];
    const made: Coordinate = { key, length: typeof length === "number" ? length : NaN, axis, ...(value ? { value } : {}) };
    if (!this.coordinates.has(key)) this.coordinates.set(key, made);
    return made;
  }

  #add(node: Node, rule: TieRule): void {
    this.rules.set(node, rule);
    const mentioned = new Set((rule.free ?? []).map(({ axis }) => axisLabel(axis)));
    for (const tie of rule.ties) {
      const link = { node, tie, a: this.coordinate(node, rule, tie.a), b: this.coordinate(node, rule, tie.b) };
      this.links.push(link);
      for (const { key } of [link.a, link.b]) this.byKey.set(key, [...(this.byKey.get(key) ?? []), link]);
      mentioned.add(axisLabel(tie.a)).add(axisLabel(tie.b));
    }
    this.#mentioned.set(node, mentioned);
  }

  /** Why nothing on this axis may be cut: a graph input or output, a length that is not static, a node that does not mention it. */
  pinned({ value, axis, length }: Coordinate): string | undefined {
    if (Number.isNaN(length)) return "length";
    if (!value) return undefined;
    if (value.isGraphOutput) return "graph output";
    const says = (node: Node, port: Axis["port"], index: number): boolean => this.#mentioned.get(node)?.has(axisLabel({ port, index, axis })) ?? false;
    if (!value.constant) {
      if (value.origin.kind !== "output") return "graph input";
      if (!says(value.origin.node, "out", value.origin.index)) return value.origin.node.label;
    }
    return value.uses.find(({ node, index }) => !says(node, "in", index))?.node.label;
  }

  /** Everything that goes with one position, or the reason why it cannot. */
  close(start: Coordinate, position: number, before: CutSet = new Map()): CutSet | string {
    const cut: CutSet = new Map([...before].map(([key, set]) => [key, new Set(set)]));
    const todo: [Coordinate, number][] = [[start, position]];
    for (let next = todo.pop(); next; next = todo.pop()) {
      const [at, p] = next;
      if (cut.get(at.key)?.has(p)) continue;
      const reason = this.pinned(at);
      if (reason) return reason;
      if (!cut.has(at.key)) cut.set(at.key, new Set());
      cut.get(at.key)!.add(p);
      if (cut.get(at.key)!.size >= at.length) return "nothing left";
      for (const { tie, a, b } of this.byKey.get(at.key) ?? []) {
        if (a.key === at.key) for (const q of tiePositions(tie, a.length, p)) todo.push([b, q]);
        if (b.key === at.key && !tie.factor) for (const i of sources(tie, a.length, p)) todo.push([a, i]);
      }
    }
    return this.#explain(cut);
  }

  /** Products whose cuts no factor explains are widened along the factor that takes least with it. */
  #explain(cut: CutSet): CutSet | string {
    for (const [key, set] of cut) {
      const products = new Map<Node, Link[]>();
      for (const link of this.byKey.get(key) ?? []) if (link.tie.factor && link.b.key === key) products.set(link.node, [...(products.get(link.node) ?? []), link]);
      for (const factors of products.values()) {
        for (const p of set) {
          if (factors.some(({ tie, a }) => sources(tie, a.length, p).some((i) => cut.get(a.key)?.has(i)))) continue;
          const tries = factors.map(({ tie, a }) => this.close(a, sources(tie, a.length, p)[0]!, cut));
          const possible = tries.filter((t) => typeof t !== "string").toSorted((x, y) => total(x) - total(y));
          return possible[0] ?? tries[0]!;
        }
      }
    }
    return cut;
  }

  /** The strongest span met, and the constants whose slices must be zero for the cut to be exact. */
  spans(cut: CutSet): { span: Span | undefined; consumers: Set<string>; activations: boolean } {
    const met = this.links.filter(({ tie, a }) => tie.spans && cut.get(a.key)?.size);
    const consumers = new Set(met.flatMap(({ a, b }) => [a, b]).filter((c) => c.value?.constant).map((c) => c.key));
    const free = [...this.rules].flatMap(([node, rule]) => (rule.free ?? []).filter(({ axis, spans }) => spans && cut.get(this.coordinate(node, rule, axis).key)?.size));
    const norm = met.some(({ tie }) => tie.spans === "norm") || free.some(({ spans }) => spans === "norm");
    const activations = free.length > 0 || met.some(({ a, b }) => ![a, b].some((c) => c.value?.constant || !c.value));
    return { span: norm ? "norm" : met.length > 0 || free.length > 0 ? "sum" : undefined, consumers, activations };
  }

  /** Shrinks the constants and repairs the nodes. */
  apply(cut: CutSet): void {
    const { graph } = this.model;
    for (const value of this.#constants(cut)) replace(value, edit(value.constant!, (axis) => cut.get(`${this.#id(value)}.${axis}`), "drop"));
    for (const [node, rule] of this.rules) {
      for (const { axis, apply } of rule.resizes ?? []) {
        const at = this.coordinate(node, rule, axis);
        const gone = cut.get(at.key);
        if (!gone?.size) continue;
        const length = this.coordinates.get(at.key)!.length;
        const kept = Array.from({ length }, (_, i) => i).filter((i) => !gone.has(i));
        apply(node, kept.length, kept, graph);
      }
    }
    for (const node of graph.nodes) for (const output of node.outputs) if (output && !output.isGraphOutput) output.type = undefined;
  }

  /** The same model at full size with zeros where the cut ones had values: in the summed operands, or in all constants of the cut. */
  zero(cut: CutSet, keys: ReadonlySet<string> | undefined): void {
    for (const value of this.#constants(cut)) {
      replace(value, edit(value.constant!, (axis) => { const key = `${this.#id(value)}.${axis}`; return !keys || keys.has(key) ? cut.get(key) : undefined; }, "zero"));
    }
  }

  #constants(cut: CutSet): Set<Value> {
    return new Set([...cut.keys()].map((key) => this.coordinates.get(key)?.value).filter((v) => v?.constant !== undefined).map((v) => v!));
  }
}

const total = (cut: CutSet): number => [...cut.values()].reduce((sum, set) => sum + set.size, 0);

/** Positions i of `a` whose image holds p. */
function sources(tie: Tie, n: number, p: number): number[] {
  if (tie.map) return tie.map.flatMap((q, i) => (q === p ? [i] : []));
  const { offset = 0, outer = 1, inner = 1 } = tie;
  const at = p - offset;
  return at >= 0 && at < outer * n * inner ? [Math.floor(at / inner) % n] : [];
}

/** Each consumer gets its own copy of a constant: equal zero biases that were merged must not tie their layers together. */
function unshare({ graph }: Model): void {
  for (const node of graph.nodes) {
    node.inputs.forEach((value, i) => { if (value?.constant && value.useCount > 1) node.setInput(i, graph.addInitializer(value.name, value.constant)); });
  }
}

function replace(value: Value, tensor: Tensor): void {
  const graph = value.graph!;
  if (value.isInitializer) graph.setInitializer(value, tensor);
  else graph.replaceUses(value, graph.addInitializer(value.name, tensor));
}

function edit(tensor: Tensor, gone: (axis: number) => ReadonlySet<number> | undefined, how: "drop" | "zero"): Tensor {
  const { dims } = tensor;
  const cuts = dims.map((_, axis) => gone(axis));
  const values = tensor.toNumbers();
  const kept: number[] = [];
  for (let i = 0; i < values.length; i++) {
    let hit = false;
    for (let axis = dims.length - 1, rest = i; axis >= 0; axis--) {
      if (cuts[axis]?.has(rest % dims[axis]!)) hit = true;
      rest = Math.floor(rest / dims[axis]!);
    }
    if (!hit) kept.push(values[i]!);
    else if (how === "zero") kept.push(0);
  }
  return Tensor.from(tensor.dtype, how === "zero" ? dims : dims.map((d, axis) => d - (cuts[axis]?.size ?? 0)), kept);
}
