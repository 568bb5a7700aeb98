/** .npy, .npz, IDX and image folders. The files in fixtures/ were written by NumPy 2. */
import { dataErrors, decodeIdx, decodeNpy, decodeNpz, dtypes, encodeNpy, encodeNpz, Tensor, type DType } from "@lathe/core";
import { imageFolder, readIdx, readNpy, readNpz } from "@lathe/core/node";
import fc from "fast-check";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const repoFixture = (name: string): string => fileURLToPath(new URL(`../../../fixtures/data/${name}`, import.meta.url));

describe("files that NumPy wrote", () => {
  test.each(["numpy.npz", "numpy-compressed.npz"])("%s is read with all its types, orders and shapes", async (name) => {
    const a = await readNpz(fixture(name));
    const show = (key: string): unknown => [a[key]!.dtype, a[key]!.dims, a[key]!.toNumbers()];
    expect(show("f4")).toEqual(["float32", [2, 3], [0, 0.5, 1, 1.5, 2, 2.5]]);
    expect(show("big")).toEqual(["float64", [3], [1.5, -2, 3.25]]);
    expect(show("fortran")).toEqual(["int16", [2, 3, 4], Array.from({ length: 24 }, (_, i) => i)]);
    expect(a["i8"]!.toBigInts()).toEqual([-(2n ** 62n), 2n ** 62n]);
    expect(show("flags")).toEqual(["bool", [3], [1, 0, 1]]);
    expect(show("half")).toEqual(["float16", [3], [0.5, 65504, -0]]);
    expect([a["words"]!.dims, a["words"]!.strings()]).toEqual([[3], ["héllo", "", "𝄞x"]]);
    expect(a["raw"]!.strings()).toEqual(["ab", "c"]);
    expect(show("scalar")).toEqual(["uint8", [], [7]]);
    expect(show("empty")).toEqual(["float32", [0, 4], []]);
    expect([a["cplx"]!.dtype, [...a["cplx"]!.data()]]).toEqual(["complex64", [1, 2]]);
  });
  test("pickled objects and records are refused", async () => {
    await expect(readNpy(fixture("objects.npy"))).rejects.toThrow(/NPY_FORMAT: ".*objects\.npy".*pickled Python objects/);
    await expect(readNpy(fixture("records.npy"))).rejects.toThrow(/NPY_FORMAT.*several fields/);
    await expect(readNpy(fixture("none.npy"))).rejects.toThrow(/FILE_OPEN.*ENOENT/);
  });
});

const npyTypes = (Object.keys(dtypes) as DType[]).filter((t) => dtypes[t].bits >= 8 && !t.startsWith("bfloat") && !t.startsWith("float8"));
const tensors = fc.tuple(fc.constantFrom(...npyTypes), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }), fc.infiniteStream(fc.nat(255))).map(([dtype, dims, noise]) => {
  const size = (dims.reduce((n, d) => n * d, 1) * dtypes[dtype].bits) / 8;
  const bytes = Uint8Array.from({ length: size }, () => noise.next().value as number);
  return Tensor.fromBytes(dtype, dims, dtype === "bool" ? bytes.map((b) => b & 1) : bytes);
});
const strings = fc.array(fc.string({ unit: "grapheme", maxLength: 5 }).filter((s) => !s.endsWith("\0")), { maxLength: 5 }).map((list) => Tensor.fromStrings([list.length], list));
const same = (a: Tensor, b: Tensor): void => {
  expect([a.dtype, a.dims]).toEqual([b.dtype, b.dims]);
  if (a.dtype === "string") expect(a.strings()).toEqual(b.strings());
  else expect(Buffer.from(a.bytes()).equals(b.bytes())).toBe(true);
};

describe("round trips", () => {
  test("any tensor through .npy", () => {
    fc.assert(fc.property(fc.oneof(tensors, strings), (tensor) => same(decodeNpy(encodeNpy(tensor)), tensor)), { numRuns: 300 });
  });
  test("any set of tensors through .npz, stored and deflated", async () => {
    const sets = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9_/]{0,8}$/), fc.oneof(tensors, strings), { maxKeys: 5, noNullPrototype: true });
    await fc.assert(
      fc.asyncProperty(sets, fc.boolean(), async (set, compress) => {
        const back = await decodeNpz(await encodeNpz(set, { compress }));
        expect(Object.keys(back)).toEqual(Object.keys(set));
        for (const [name, tensor] of Object.entries(set)) same(back[name]!, tensor);
      }),
      { numRuns: 60 },
    );
  });
  test("the elements begin at a multiple of 64 bytes, and the same tensor gives the same bytes", async () => {
    const tensor = Tensor.from("float32", [2, 2], [1, 2, 3, 4]);
    expect(encodeNpy(tensor).length).toBe(128 + 16 - (128 - Math.ceil((10 + 61) / 64) * 64));
    expect(await encodeNpz({ a: tensor })).toEqual(await encodeNpz({ a: tensor }));
  });
  test.each(["bfloat16", "float8e5m2", "int4"] as const)("%s has no NumPy type", (dtype) => {
    expect(() => encodeNpy(Tensor.from(dtype, [2], [1, 2]))).toThrow(/NPY_DTYPE/);
  });
});

describe("damaged and hostile files", () => {
  const good = encodeNpy(Tensor.from("float32", [3], [1, 2, 3]));
  const withHeader = (dict: string): Uint8Array => {
    const head = new TextEncoder().encode(dict.padEnd(117) + "\n");
    return Uint8Array.from([...good.subarray(0, 8), head.length, 0, ...head, ...new Uint8Array(12)]);
  };
  test.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(), /signature/],
    ["another file", new TextEncoder().encode("PK plus some more text"), /signature/],
    ["a version to come", Uint8Array.from(good, (b, i) => (i === 6 ? 9 : b)), /version 9/],
    ["a cut header", good.subarray(0, 40), /ends inside the header/],
    ["cut elements", good.subarray(0, good.length - 1), /11 bytes of elements where 12/],
    ["no dict", withHeader("[1, 2]"), /no "\{"/],
    ["code in the dict", withHeader("{'descr': open('x'), 'fortran_order': False, 'shape': (3,)}"), /no value at/],
    ["a negative size", withHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}"), /no value at/],
    ["a huge shape", withHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (9007199254740991, 9)}"), /too large/],
    ["a shape larger than the file", withHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000)}"), /12 bytes of elements/],
    ["more strings of no width than anyone has", withHeader("{'descr': '<U0', 'fortran_order': False, 'shape': (3000000000,)}"), /3000000000 strings of no width/],
    ["deep nesting", withHeader(`{'shape': ${"(".repeat(40)}`), /nested too deeply/],
    ["missing keys", withHeader("{'descr': '<f4'}"), /lacks fortran_order/],
    ["text behind the dict", withHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} x"), /goes on/],
  ])("%s as .npy", (_, bytes, text) => {
    expect(() => decodeNpy(bytes)).toThrow(text);
    expect(() => decodeNpy(bytes)).toThrow(/^NPY_FORMAT/);
  });
  test("Python 2 integers are read", () => {
    expect(decodeNpy(withHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (3L,)}")).dims).toEqual([3]);
  });
  test("an element type without counterpart is named", () => {
    expect(() => decodeNpy(withHeader("{'descr': '<M8', 'fortran_order': False, 'shape': (1,)}"))).toThrow(/NPY_DTYPE.*<M8/);
  });

  const zip = (): Promise<Uint8Array> => encodeNpz({ a: Tensor.from("float32", [4096], new Float32Array(4096)), b: Tensor.int64([1]) }, { compress: true });
  test("limits: entries, total size, ratio", async () => {
    const bytes = await zip();
    await expect(decodeNpz(bytes, { maxEntries: 1 })).rejects.toThrow(/ZIP_LIMIT.*number of entries of 2; at most 1/);
    await expect(decodeNpz(bytes, { maxBytes: 1000 })).rejects.toThrow(/ZIP_LIMIT.*unpacked size/);
    await expect(decodeNpz(bytes, { maxRatio: 10 })).rejects.toThrow(/ZIP_LIMIT.*compression ratio \(entry "a\.npy"\)/);
    expect(Object.keys(await decodeNpz(bytes))).toEqual(["a", "b"]);
  });
  test("an entry that unpacks to more than it says is stopped", async () => {
    const bytes = (await zip()).slice();
    const view = new DataView(bytes.buffer);
    const directory = view.getUint32(bytes.length - 6, true);
    view.setUint32(directory + 24, 100, true);
    await expect(decodeNpz(bytes)).rejects.toThrow(/ZIP_LIMIT.*entry "a\.npy"/);
  });
  test("entries that share bytes are refused", async () => {
    const bytes = (await encodeNpz({ a: Tensor.int64([1]), b: Tensor.int64([2]) })).slice();
    const view = new DataView(bytes.buffer);
    const first = view.getUint32(bytes.length - 6, true);
    view.setUint32(first + 46 + 5 + 42, 0, true);
    await expect(decodeNpz(bytes)).rejects.toThrow(/overlaps/);
  });
  test("two entries of one name are refused", async () => {
    const bytes = Buffer.from(await encodeNpz({ aa: Tensor.int64([1]), ab: Tensor.int64([2]) }));
    let at = -1;
    while ((at = bytes.indexOf("ab.npy", at + 1)) >= 0) bytes.write("aa.npy", at);
    await expect(decodeNpz(bytes)).rejects.toThrow(/two entries are named "aa\.npy"/);
  });
  test("a flipped bit is found by the checksum or the unpacking", async () => {
    const bytes = (await encodeNpz({ a: Tensor.from("float32", [64], new Float32Array(64)) })).slice();
    bytes[200]! ^= 1;
    await expect(decodeNpz(bytes)).rejects.toThrow(/checksum/);
    const packed = (await zip()).slice();
    packed[45]! ^= 0xff;
    await expect(decodeNpz(packed)).rejects.toThrow(/INFLATE|checksum|bytes where/);
  });
  test("any cut or flip of a .npz is an error of the catalogue or gives tensors, never anything else", async () => {
    const bytes = await zip();
    const codes = new Set(dataErrors.$rows.map((row) => row.code));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), async (at, value, cut) => {
        const bad = cut ? bytes.subarray(0, at) : Uint8Array.from(bytes, (b, i) => (i === at ? value : b));
        try {
          await decodeNpz(bad, { maxBytes: 1 << 20 });
        } catch (error) {
          expect(codes).toContain((error as { code?: string }).code);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe("IDX", () => {
  test("the Fashion-MNIST files are read, gzipped as they come", async () => {
    const images = await readIdx(repoFixture("fashion-test-2000-images-idx3-ubyte.gz"));
    const labels = await readIdx(repoFixture("fashion-test-2000-labels-idx1-ubyte.gz"));
    expect([images.dtype, images.dims]).toEqual(["uint8", [2000, 28, 28]]);
    expect(labels.dims).toEqual([2000]);
    expect(new Set(labels.toNumbers())).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  });
  test("wide elements are big-endian; plain files do too", async () => {
    const bytes = Uint8Array.from([0, 0, 0x0d, 1, 0, 0, 0, 2, 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0]);
    expect((await decodeIdx(bytes)).toNumbers()).toEqual([1, -2]);
  });
  test.each<[string, Uint8Array, RegExp]>([
    ["no zeros", Uint8Array.from([1, 0, 8, 1]), /two zero bytes/],
    ["unknown type", Uint8Array.from([0, 0, 7, 1, 0, 0, 0, 0]), /element type 7/],
    ["cut header", Uint8Array.from([0, 0, 8, 3, 0, 0]), /ends inside the header/],
    ["too few elements", Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 9, 1]), /1 bytes of elements where 9/],
    ["huge sizes", Uint8Array.from([0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]), /0 bytes of elements/],
  ])("%s", async (_, bytes, text) => {
    await expect(decodeIdx(bytes)).rejects.toThrow(text);
  });
  test("a gzip bomb stops at the limit", async () => {
    const bomb = gzipSync(new Uint8Array(5_000_000));
    await expect(decodeIdx(bomb, { maxBytes: 100_000 })).rejects.toThrow(/ZIP_LIMIT/);
    await expect(decodeIdx(bomb.subarray(0, 40))).rejects.toThrow(/INFLATE/);
  });
});

describe("image folders", () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "lathe-images-"));
    for (const [folder, file] of [["cat", "b.PNG"], ["cat", "a.png"], ["dog", "c.jpg"], ["dog", "notes.txt"], ["empty", "x.txt"]] as const) {
      await mkdir(join(root, folder), { recursive: true });
      await writeFile(join(root, folder, file), file);
    }
  });
  afterAll(() => rm(root, { recursive: true }));
  const decode = (bytes: Uint8Array): Tensor => Tensor.from("uint8", [bytes.length], bytes);

  test("one folder per class, sorted; files are decoded only when read", async () => {
    let decoded = 0;
    const { data, classes } = await imageFolder(root, { decode: (bytes) => (decoded++, decode(bytes)) });
    expect(classes).toEqual(["cat", "dog"]);
    expect(await data.count()).toBe(3);
    expect(decoded).toBe(0);
    const samples = await data.toArray();
    expect(samples.map((s) => [Buffer.from(s["image"]!.bytes()).toString(), s["label"]!.toNumbers(), s["label"]!.dims])).toEqual([["a.png", [0], []], ["b.PNG", [0], []], ["c.jpg", [1], []]]);
    expect(samples[0]!["path"]!.strings()).toEqual([join(root, "cat", "a.png")]);
  });
  test("a plain folder has no labels", async () => {
    const { data, classes } = await imageFolder(join(root, "cat"), { decode, name: "pixels" });
    expect(classes).toEqual([]);
    expect(Object.keys((await data.toArray())[0]!)).toEqual(["pixels", "path"]);
  });
  test("the image cannot take a name that samples have already", async () => {
    await expect(imageFolder(root, { decode, name: "label" })).rejects.toThrow(/IMAGE_FOLDER.*"label"/);
  });
  test("no images, or no folder, is an error", async () => {
    await expect(imageFolder(join(root, "empty"), { decode })).rejects.toThrow(/IMAGE_FOLDER.*no file in it/);
    await expect(imageFolder(join(root, "gone"), { decode })).rejects.toThrow(/IMAGE_FOLDER.*ENOENT/);
  });
});
