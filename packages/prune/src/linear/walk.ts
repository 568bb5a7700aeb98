/**
 * A model run piece by piece, in execution order: what is alive between two nodes is kept for every batch, so that going on costs only the
 * nodes in between, computed with the weights as they then are. All layers together cost one run of the model.
 */
import { deadCode, feedsOf, passContext, runPass, tensorType, type Feeds, type Graph, type Model, type Node, type Runtime, type Tensor, type Value } from "@lathe/core";

export interface WalkOptions {
  readonly runtime: Runtime;
  readonly batches: readonly Feeds[];
  /** Where more than this would be kept, the walk goes on from where it last kept less. Default 512 MiB. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Called once for each batch, in order. */
export type Visit = (tensors: Feeds, batch: number) => void;

/** When a value comes into being, and which node is the last to read it; graph inputs are there from the start. */
interface Life {
  readonly born: number;
  readonly lastRead: number;
}

export class Walk {
  readonly #model: Model;
  readonly #options: WalkOptions;
  readonly #place: ReadonlyMap<Node, number>;
  readonly #lives: ReadonlyMap<Value, Life>;
  /** For each batch what nodes from `#at` on read; at first the batch itself. */
  #kept: Feeds[];
  #at = 0;

  /** The nodes of the model must stay the same while it is walked; weights may change. */
  constructor(model: Model, options: WalkOptions) {
    this.#model = model;
    this.#options = options;
    this.#place = new Map([...model.graph.nodes].map((node, i) => [node, i]));
    this.#lives = livesOf(model.graph, this.#place);
    this.#kept = this.#start();
  }

  #start(): Feeds[] {
    const inputs = this.#model.graph.inputs.map((input) => input.name);
    return this.#options.batches.map((batch) => Object.fromEntries(inputs.flatMap((name) => (batch[name] ? [[name, batch[name]]] : []))));
  }

  /** Goes on to directly before `node`, and gives for each batch the named values: of what is computed so far, or of the node itself. */
  before(node: Node, names: readonly string[], visit: Visit): Promise<void> {
    return this.#to(this.#place.get(node)!, names, visit);
  }

  /** Goes on to directly behind `node`. */
  behind(node: Node, names: readonly string[], visit: Visit): Promise<void> {
    return this.#to(this.#place.get(node)! + 1, names, visit);
  }

  async #to(at: number, names: readonly string[], visit: Visit): Promise<void> {
    const { runtime, maxBytes = 512 * 2 ** 20, signal } = this.#options;
    signal?.throwIfAborted();
    if (at < this.#at) [this.#kept, this.#at] = [this.#start(), 0];
    const living = [...this.#lives].filter(([, { born, lastRead }]) => born < at && lastRead >= at).map(([value]) => value);
    const has = this.#kept[0] ?? {};
    // Sequences are no tensors that could be fed again.
    let keep = living.every(({ type }) => type === undefined || type.kind === "tensor");
    const alive = keep ? living.map((value) => value.name) : [];
    const computed = [...new Set([...alive, ...names])].filter((name) => !Object.hasOwn(has, name));
    const session = computed.length > 0 ? await runtime.load(await segment(this.#model, has, computed), signal ? { signal } : {}) : undefined;
    try {
      for (const [b, from] of this.#kept.entries()) {
        signal?.throwIfAborted();
        const found = session ? await session.run(feedsOf(session.inputs, from), signal ? { signal } : {}) : {};
        const tensors: Feeds = { ...from, ...found };
        visit(tensors, b);
        const next = Object.fromEntries(alive.map((name) => [name, tensors[name]!]));
        if (b === 0) keep &&= bytesOf(next) * this.#kept.length <= Math.max(maxBytes, bytesOf(from) * this.#kept.length);
        if (keep) this.#kept[b] = next;
      }
    } finally {
      await session?.dispose();
    }
    if (keep) this.#at = at;
  }
}

const bytesOf = (feeds: Feeds): number => Object.values(feeds).reduce((sum, tensor) => sum + tensor.byteLength, 0);

function livesOf(graph: Graph, place: ReadonlyMap<Node, number>): Map<Value, Life> {
  const lastRead = new Map<Value, number>();
  for (const [node, at] of place) for (const value of readBy(node)) if (value.graph === graph && !value.constant) lastRead.set(value, at);
  return new Map([...lastRead].map(([value, last]) => [value, { born: value.producer ? place.get(value.producer)! : -1, lastRead: last }]));
}

/** What a node reads, also inside its bodies. */
function readBy(node: Node): Value[] {
  const bodies = node.subgraphs.flatMap(({ graph }) => [...graph.allGraphs()]);
  const inside = bodies.flatMap((graph) => [...graph.outputs, ...[...graph.nodes].flatMap((inner) => inner.inputs)]);
  return [...node.inputs, ...inside].filter((value): value is Value => value !== null);
}

/** A copy (constants shared) that takes the given tensors as inputs and ends at the named values. */
async function segment(model: Model, given: Readonly<Record<string, Tensor>>, names: readonly string[]): Promise<Model> {
  const copy = model.clone();
  const { graph } = copy;
  while (graph.outputs.length > 0) graph.removeOutput(0);
  const values = new Map([...graph.values()].map((value) => [value.name, value]));
  for (const name of names) graph.addOutput(values.get(name)!);
  for (const [name, tensor] of Object.entries(given)) {
    const value = values.get(name);
    if (!value?.producer) continue;
    value.name = `${name}/computed`;
    // Batches may differ in size.
    graph.replaceUses(value, graph.addInput(name, tensorType(tensor.dtype, tensor.dims.map(() => null))));
  }
  await runPass(deadCode, copy, passContext());
  for (const input of [...graph.inputs]) if (input.isUnused) graph.removeInput(input);
  return copy;
}
