/** Branches that follow each other on one stream, put together: attention and MLP make one layer of a transformer. */
import type { Node, Value } from "@lathe/core";
import type { Branch } from "./branches.ts";

/** One or more consecutive branches that are removed together. */
export interface Block {
  /** Name of its first branch. */
  readonly name: string;
  readonly branches: readonly Branch[];
}

/** Each stream cut into blocks of `size` branches, from its start; what is left over at the end of a stream stays. */
export function blocksOf(branches: readonly Branch[], size: number): Block[] {
  const bySum = new Map(branches.map((branch) => [branch.add, branch]));
  const next = new Map<Branch, Branch>();
  const first: Branch[] = [];
  for (const branch of branches) {
    const before = previous(branch, bySum);
    if (before && !next.has(before)) next.set(before, branch);
    else first.push(branch);
  }
  const blocks = first.flatMap((start) => {
    const stream: Branch[] = [];
    for (let at: Branch | undefined = start; at; at = next.get(at)) stream.push(at);
    return Array.from({ length: Math.floor(stream.length / size) }, (_, i): Block => ({ name: stream[i * size]!.name, branches: stream.slice(i * size, (i + 1) * size) }));
  });
  const order = new Map(branches.map((branch, i) => [branch, i]));
  return blocks.toSorted((a, b) => order.get(a.branches[0]!)! - order.get(b.branches[0]!)!);
}

/** The branch whose sum is this one's stream, also through an activation or normalisation in between. */
function previous({ add, stream }: Branch, bySum: ReadonlyMap<Node, Branch>): Branch | undefined {
  let value: Value | undefined = add.input(stream);
  while (value?.producer) {
    const found = bySum.get(value.producer);
    if (found) return found;
    const inputs: Value[] = value.producer.inputs.filter((input): input is Value => input !== null && !input.constant);
    value = inputs.length === 1 && inputs[0]!.shape?.join() === value.shape?.join() ? inputs[0] : undefined;
  }
  return undefined;
}
