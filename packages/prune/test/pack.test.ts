/** The packed file. */
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clusterWeights, packTensor, pruneWeights, unpackTensor } from "@lathe/prune";
import { loadPacked, savePacked } from "@lathe/prune/node";
import { decodeModel, encodeModel, pipeline, random, Tensor, type DType, type Model } from "@lathe/core";
import { lenet } from "@lathe/train";

/** Plain comparison: the runner's own takes seconds for half a megabyte. */
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const concat = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);
const model = (): Model => {
  const source = random(1);
  return lenet({ random: () => source.float() });
};

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "lathe-pack-"))));
afterAll(() => rm(folder, { recursive: true }));

describe("a packed tensor", () => {
  const bytesWithZeros = fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) }), { maxLength: 400 });
  it.each([["uint8", 1], ["int4", 1], ["float16", 2], ["bfloat16", 2], ["float32", 4], ["int32", 4], ["int64", 8], ["double", 8]] as const)("of %s comes back bit for bit", (name, width) => {
    const dtype: DType = name === "double" ? "float64" : name;
    fc.assert(fc.property(bytesWithZeros, (values) => {
      const bytes = Uint8Array.from(values.slice(0, values.length - (values.length % width)));
      const dims = [dtype === "int4" ? bytes.length * 2 : bytes.length / width];
      const tensor = Tensor.fromBytes(dtype, dims, bytes);
      const { packing, parts } = packTensor(tensor);
      expect(same(unpackTensor(dtype, dims, packing, concat(parts)).bytes(), bytes)).toBe(true);
    }));
  });

  it("keeps the sign of zeros, NaN payloads and views that are not aligned", () => {
    const buffer = new Uint8Array(41);
    new Float32Array(buffer.buffer, 0, 10).set([-0, 0, NaN, Infinity, 1e-45, 0, 0, 0, 0, 2]);
    buffer.copyWithin(1, 0, 40);
    const tensor = Tensor.fromBytes("float32", [10], buffer.subarray(1));
    const { packing, parts } = packTensor(tensor);
    expect(same(unpackTensor("float32", [10], packing, concat(parts)).bytes(), tensor.bytes())).toBe(true);
  });

  const drawn = (share: number, draw: (i: number) => number): Tensor => {
    const source = random("pack");
    return Tensor.from("float32", [4096], Float32Array.from({ length: 4096 }, (_, i) => (source.float() < share ? draw(i) : 0)));
  };
  it.each([
    ["dense values", drawn(1, (i) => Math.sin(i)), "all", "planes"],
    ["half zeros", drawn(0.5, (i) => Math.sin(i + 1)), "mask", "planes"],
    ["few values", drawn(0.02, (i) => Math.sin(i + 1)), "gaps", "planes"],
    ["few different values", drawn(1, (i) => 1 + (i % 16)), "all", "table"],
    ["few different values among zeros", drawn(0.3, (i) => 1 + (i % 16)), "mask", "table"],
  ] as const)("of %s takes the form that is smallest", (_, tensor, positions, values) => {
    const { packing, parts } = packTensor(tensor);
    expect([packing.positions, packing.values]).toEqual([positions, values]);
    expect(concat(parts).length).toBeLessThanOrEqual(tensor.byteLength);
  });
});

describe("a packed file", () => {
  it.each(["gzip", "brotli", "none"] as const)("with %s gives the same model", async (codec) => {
    const path = join(folder, `${codec}.lathe`);
    const original = model();
    const before = encodeModel(original);
    const size = await savePacked(original, path, { codec });
    expect(size).toBe((await readFile(path)).length);
    expect(same(encodeModel(await loadPacked(path)), before)).toBe(true);
    expect(same(encodeModel(original), before)).toBe(true);
  });

  it("of a sparse or clustered model is smaller than its gzip", async () => {
    for (const step of [pruneWeights({ sparsity: 0.8 }), clusterWeights({ clusters: 16 })]) {
      const { model: small } = await pipeline(step).run(model()).result;
      const size = await savePacked(small, join(folder, "small.lathe"));
      expect(size).toBeLessThan(gzipSync(encodeModel(small)).length);
      expect(same(encodeModel(await loadPacked(join(folder, "small.lathe"))), encodeModel(small))).toBe(true);
    }
  });

  it("leaves nothing behind when writing stops", async () => {
    const before = await readdir(folder);
    await expect(savePacked(model(), join(folder, "aborted.lathe"), { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(await readdir(folder)).toEqual(before);
  });
});

describe("a hostile packed file", () => {
  const path = (): string => join(folder, "hostile.lathe");
  const load = async (bytes: Uint8Array, options = {}): Promise<string> => {
    await writeFile(path(), bytes);
    return loadPacked(path(), options).then(() => "read", (error: { code?: string }) => error.code ?? String(error));
  };
  let good: Buffer;
  beforeAll(async () => {
    await savePacked(model(), path());
    good = await readFile(path());
  });
  /** The file with its header edited. */
  const edited = (edit: (header: { model: { raw: number }; codec: string; tensors: { dims: number[]; constant: number; packing: { count: number; lengths: number[] }; section: { raw: number } }[] }) => unknown): Buffer => {
    const length = good.readUInt32LE(8);
    const header = JSON.parse(good.toString("utf8", 12, 12 + length)) as Parameters<typeof edit>[0];
    const text = Buffer.from(JSON.stringify(edit(header) ?? header));
    const start = Buffer.from(good.subarray(0, 12));
    start.writeUInt32LE(text.length, 8);
    return Buffer.concat([start, text, good.subarray(12 + length)]);
  };

  it("is refused when it is none, of another version, or cut anywhere", async () => {
    expect(await load(encodeModel(model()))).toBe("PACK_FORMAT");
    expect(await load(new Uint8Array(0))).toBe("PACK_FORMAT");
    const newer = Buffer.from(good);
    newer[7] = 9;
    expect(await load(newer)).toBe("PACK_VERSION");
    const cuts = Array.from({ length: 24 }, (_, i) => 12 + Math.floor(((good.length - 13) * i) / 23));
    for (const cut of cuts) expect(await load(good.subarray(0, cut))).toBe("PACK_DAMAGED");
  });

  it("is refused for any flipped bit, or unharmed by it", async () => {
    const source = random("flip");
    const reference = encodeModel(model());
    for (let i = 0; i < 40; i++) {
      const bytes = Buffer.from(good);
      bytes[source.int(bytes.length)]! ^= 1 << source.int(8);
      const found = await load(bytes);
      // The gzip header has a few bits (time, system) that mean nothing.
      if (found === "read") expect(same(encodeModel(await loadPacked(path())), reference)).toBe(true);
      else expect(found).toMatch(/^PACK_/);
    }
  });

  it.each<[string, Parameters<typeof edited>[0], string]>([
    ["more dims than the limit", (h) => void (h.tensors[0]!.dims = [2 ** 40, 2 ** 40]), "PACK_LIMIT"],
    ["dims whose product overflows", (h) => void (h.tensors[0]!.dims = Array.from({ length: 64 }, () => 2 ** 40)), "PACK_LIMIT"],
    ["a section that claims more than the limit", (h) => void (h.model.raw = 2 ** 39), "PACK_LIMIT"],
    ["dims that do not fit", (h) => void (h.tensors[0]!.dims = [3]), "PACK_DAMAGED"],
    ["more values than places", (h) => void (h.tensors[0]!.packing.count *= 2), "PACK_DAMAGED"],
    ["a section that unpacks to more than it says", (h) => void (h.model.raw = 10), "PACK_DAMAGED"],
    ["a constant that is not there", (h) => void (h.tensors[0]!.constant = 999), "PACK_DAMAGED"],
    ["negative lengths", (h) => void (h.tensors[0]!.packing.lengths[0] = -1), "PACK_DAMAGED"],
    ["another codec", (h) => void (h.codec = "brotli"), "PACK_DAMAGED"],
    ["members that are not known", (h) => ({ ...h, extra: 1 }), "PACK_DAMAGED"],
    ["a header that is a list", () => [], "PACK_DAMAGED"],
  ])("is refused for %s", async (_, edit, code) => {
    expect(await load(edited(edit))).toBe(code);
  });

  it("may be limited further by the caller", async () => {
    expect(await load(good, { maxBytes: 1000 })).toBe("PACK_LIMIT");
    expect(await load(good, { maxBytes: 10_000_000 })).toBe("read");
    expect(decodeModel(encodeModel(await loadPacked(path()))).graph.nodeCount).toBe(model().graph.nodeCount);
  });
});
