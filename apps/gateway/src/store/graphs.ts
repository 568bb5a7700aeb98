/** Lists of nodes as they were stored, read when they are asked for. The ones read last are remembered, up to a number of bytes. */
import { readGraph } from "../task/graph-file.ts";
import type { GraphJson } from "../task/facts.ts";
import type { BlobStore } from "./blobs.ts";

/** Bytes of the files; in memory they take about five times as much. */
const REMEMBERED_BYTES = 32 * 2 ** 20;

interface Kept {
  readonly graph: Promise<GraphJson>;
  /** 0 while it is read. */
  size: number;
}

/** Requests that come together read once. */
export function openGraphs(blobs: BlobStore, most = REMEMBERED_BYTES): (digest: string) => Promise<GraphJson> {
  const kept = new Map<string, Kept>();
  const shrink = (): void => {
    let sum = [...kept.values()].reduce((total, { size }) => total + size, 0);
    for (const [digest, { size }] of kept) {
      if (sum <= most) return;
      if (size === 0) continue;
      kept.delete(digest);
      sum -= size;
    }
  };
  return (digest) => {
    const known = kept.get(digest);
    if (known) {
      // The one used last goes last.
      kept.delete(digest);
      kept.set(digest, known);
      return known.graph;
    }
    const entry: Kept = { graph: blobs.bring(digest).then(() => readGraph(blobs.path(digest))), size: 0 };
    kept.set(digest, entry);
    entry.graph.then(() => blobs.size(digest)).then((size) => ((entry.size = size ?? 1), shrink()), () => kept.delete(digest));
    return entry.graph;
  };
}
