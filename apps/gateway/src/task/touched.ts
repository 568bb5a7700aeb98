/** Which nodes of the main graph a step changed: by name, comparing what the node does and reads. */
import type { Model, Node, Tensor } from "@lathe/core";

export interface Touched {
  readonly added: NodeNames;
  readonly removed: NodeNames;
  readonly changed: NodeNames;
}

export interface NodeNames {
  readonly count: number;
  /** The first {@link NAMED} of them. */
  readonly names: readonly string[];
}

export const NAMED = 100;

const some = (names: readonly string[]): NodeNames => ({ count: names.length, names: names.slice(0, NAMED) });

interface Seen {
  readonly text: string;
  readonly tensors: readonly (Tensor | undefined)[];
}

export type Snapshot = ReadonlyMap<string, Seen>;

/** Tensors are never written into, so holding them is enough. */
export function snapshot(model: Model): Snapshot {
  const seen = new Map<string, Seen>();
  for (const node of model.graph.nodes) seen.set(unused(seen, node.label), describe(node));
  return seen;
}

/** Names of nodes need not be different. */
function unused(seen: Snapshot, label: string): string {
  let name = label;
  for (let n = 2; seen.has(name); n++) name = `${label}#${n}`;
  return name;
}

function describe(node: Node): Seen {
  const attributes = [...node.attributes].map(([name, attribute]) => {
    if (attribute.ref !== undefined) return [name, "@", attribute.ref];
    const { kind, value } = attribute;
    return kind === "tensor" || kind === "tensors" || kind === "sparse" || kind === "sparses" ? [name, kind] : kind === "graph" ? [name, kind, value.nodeCount] : [name, kind, kind === "graphs" || kind === "type" || kind === "types" ? "" : value];
  });
  const text = JSON.stringify([node.op, node.inputs.map((v) => v?.name), node.outputs.map((v) => v?.name), attributes], (_, v: unknown) => (typeof v === "bigint" ? String(v) : v));
  const own = [...node.attributes.values()].flatMap((a) => (a.kind === "tensor" && a.ref === undefined ? [a.value] : []));
  return { text, tensors: [...node.inputs.map((v) => v?.constant), ...own] };
}

export function touched(before: Snapshot, after: Snapshot): Touched {
  const added = [...after.keys()].filter((name) => !before.has(name));
  const removed = [...before.keys()].filter((name) => !after.has(name));
  const changed = [...after].flatMap(([name, now]) => {
    const then = before.get(name);
    return then && !same(then, now) ? [name] : [];
  });
  return { added: some(added), removed: some(removed), changed: some(changed) };
}

const same = (a: Seen, b: Seen): boolean => a.text === b.text && a.tensors.length === b.tensors.length && a.tensors.every((t, i) => equal(t, b.tensors[i]));

function equal(a: Tensor | undefined, b: Tensor | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || a.dtype !== b.dtype || a.dims.join() !== b.dims.join()) return false;
  return a.dtype === "string" ? a.strings().join("\0") === b.strings().join("\0") : Buffer.compare(a.bytes(), b.bytes()) === 0;
}
