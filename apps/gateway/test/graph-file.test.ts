/** Lists of nodes as files: whatever their length, and however a read cuts them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBlobs, type BlobStore } from "../src/store/blobs.ts";
import { openGraphs } from "../src/store/graphs.ts";
import type { GraphJson, LayerJson, NodeJson } from "../src/task/facts.ts";
import { readGraph, writeGraph } from "../src/task/graph-file.ts";

let folder: string;
let blobs: BlobStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-graph-"));
  blobs = await openBlobs(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const node = (name: string): NodeJson => ({ name, op: "Relu", inputs: [], outputs: [], attributes: {}, before: [], after: [] });
const layer = (name: string): LayerJson => ({ name, op: "Relu" }) as unknown as LayerJson;
const graphOf = (layers: readonly string[], nodes: readonly string[]): GraphJson => ({ layers: layers.map(layer), nodes: nodes.map(node) });
let files = 0;
const fresh = (): string => join(folder, `graph-${files++}`);

async function written(graph: GraphJson): Promise<string> {
  const path = fresh();
  await writeGraph(path, graph);
  return path;
}

describe("a list of nodes", () => {
  it("is read as it was written, whatever the names", async () => {
    const names = fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 20 });
    await fc.assert(fc.asyncProperty(names, names, async (layers, nodes) => {
      const graph = graphOf(layers, nodes);
      expect(await readGraph(await written(graph))).toEqual(graph);
    }), { numRuns: 30 });
  });

  it("is read in many pieces without a character lost between them", async () => {
    const graph = graphOf([], Array.from({ length: 30_000 }, (_, i) => `/層/é${"ü".repeat(i % 7)}${i}`));
    expect(await readGraph(await written(graph))).toEqual(graph);
  });

  it("lets others be answered meanwhile", async () => {
    const path = await written(graphOf([], Array.from({ length: 30_000 }, (_, i) => `node ${i}`)));
    let turns = 0;
    const other = setInterval(() => turns++, 0);
    await readGraph(path);
    clearInterval(other);
    expect(turns).toBeGreaterThan(5);
  });

  it("is read as earlier versions wrote it, too", async () => {
    const graph = graphOf(["a"], ["b", "c"]);
    const path = fresh();
    await writeFile(path, JSON.stringify(graph));
    expect(await readGraph(path)).toEqual(graph);
  });

  it.each(["", '{"layers":1,"nodes":1}\n{}\n'])("is refused when it is cut short: %j", async (text) => {
    const path = fresh();
    await writeFile(path, text);
    await expect(readGraph(path)).rejects.toThrow("cut short");
  });
});

describe("lists that were read", () => {
  it("are remembered up to a number of bytes, the ones used last longest", async () => {
    const digests = [];
    for (const name of ["a", "b", "c"]) digests.push((await blobs.adopt(await written(graphOf([], Array.from({ length: 100 }, (_, i) => `${name}${i}`))))).digest);
    const [a, b, c] = digests as [string, string, string];
    const graphs = openGraphs(blobs, 2.5 * (await blobs.size(a))!);
    const settled = async (digest: string): Promise<GraphJson> => {
      const graph = await graphs(digest);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return graph;
    };
    const [first, second] = [await settled(a), await settled(b)];
    expect(await settled(a)).toBe(first);
    await settled(c);
    expect(await settled(a)).toBe(first);
    expect(await settled(b)).not.toBe(second);
  });

  it("are read once for all that ask together, and again after a failure", async () => {
    const graphs = openGraphs(blobs);
    const { digest } = await blobs.adopt(await written(graphOf(["x"], ["y"])));
    await blobs.remove(digest);
    await expect(graphs(digest)).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await blobs.adopt(await written(graphOf(["x"], ["y"])))).digest).toBe(digest);
    const [one, other] = await Promise.all([graphs(digest), graphs(digest)]);
    expect(one).toBe(other);
  });
});
