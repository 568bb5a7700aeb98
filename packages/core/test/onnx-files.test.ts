/** Models in files: external data, its path rules, atomic writing, files read in place. */
import { createHash } from "node:crypto";
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decodeModel, decodeProto, encodeModel, encodeProto, Graph, Model, Tensor, type TensorStorage } from "@lathe/core";
import { fileErrors, loadModel, saveModel, type LoadOptions } from "@lathe/core/node";
import { codeOf, codeOfAsync } from "./onnx/codes.ts";
import { modelFiles } from "./onnx/model-files.ts";
import { floats, sampleBytes } from "./onnx/sample.ts";

let root = "";
let folder = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "lathe-files-"));
});
beforeEach(() => {
  folder = mkdtempSync(join(root, "case-"));
});
afterAll(() => rmSync(root, { recursive: true }));

const at = (...names: readonly string[]): string => join(folder, ...names);

/** Weights a, b, c of 4000, 8000 and 40 bytes. */
function weights(): Model {
  const graph = new Graph("g");
  const ramp = (n: number, from: number): Tensor => Tensor.from("float32", [n], Float32Array.from({ length: n }, (_, i) => from + i));
  graph.addInitializer("b", ramp(2000, 1));
  graph.addInitializer("a", ramp(1000, 5));
  graph.addInitializer("c", ramp(10, 9));
  return new Model({ graph });
}

const contents = (model: Model): Record<string, number[]> => Object.fromEntries([...model.graph.initializers].map((v) => [v.name, v.tensor!.toNumbers()]));
const entries = (path: string): Record<string, Record<string, string>> =>
  Object.fromEntries((decodeProto("ModelProto", readFileSync(path)).graph!.initializer ?? []).map((t) => [t.name!, Object.fromEntries((t.externalData ?? []).map((e) => [e.key!, e.value!]))]));

/** Writes `m.onnx` with one float32[2] tensor whose external data has these entries. */
function external(...pairs: readonly (readonly [string, string])[]): string {
  const tensor = { name: "w", dataType: 1, dims: [2], dataLocation: 1, externalData: pairs.map(([key, value]) => ({ key, value })) };
  writeFileSync(at("m.onnx"), encodeProto("ModelProto", { irVersion: 10, graph: { initializer: [tensor] } }));
  return at("m.onnx");
}

const codeOfLoad = (path: string, options?: LoadOptions): Promise<string | undefined> => codeOfAsync(() => loadModel(path, options));

describe("one file", () => {
  test.each(modelFiles)("%s: loading is decoding, read whole or in place", async (_name, path) => {
    const expected = encodeModel(decodeModel(readFileSync(path)));
    expect(Buffer.compare(encodeModel(await loadModel(path)), expected)).toBe(0);
    expect(Buffer.compare(encodeModel(await loadModel(path, { readWholeUpTo: 0 })), expected)).toBe(0);
  });

  test("a model with some of everything, read in place", async () => {
    writeFileSync(at("m.onnx"), sampleBytes());
    expect(encodeModel(await loadModel(at("m.onnx"), { readWholeUpTo: 0 }))).toEqual(encodeModel(decodeModel(sampleBytes())));
  });

  test("large weights of a file above the bound stay there until used", async () => {
    const big = Tensor.from("float32", [50_000], new Float32Array(50_000).fill(2));
    const graph = new Graph("g");
    graph.addInitializer("big", big);
    await saveModel(new Model({ graph }), at("m.onnx"));
    const tensor = (await loadModel(at("m.onnx"), { readWholeUpTo: 1000 })).graph.value("big")!.tensor!;
    expect(tensor.storage.kind).toBe("file");
    expect(tensor.toNumbers()).toEqual(big.toNumbers());
  });

  test("saving writes what encodeModel gives, and leaves nothing else", async () => {
    await saveModel(weights(), pathToFileURL(at("m.onnx")));
    expect(readFileSync(at("m.onnx"))).toEqual(Buffer.from(encodeModel(weights())));
    expect(readdirSync(folder)).toEqual(["m.onnx"]);
  });

  test("FILE_OPEN: no such file", async () => {
    expect(await codeOfLoad(at("none.onnx"))).toBe("FILE_OPEN");
  });

  test("FILE_NOT_REGULAR: a folder; a pipe, without waiting for a writer", async () => {
    execFileSync("mkfifo", [at("pipe.onnx")]);
    expect(await codeOfLoad(at("pipe.onnx"))).toBe("FILE_NOT_REGULAR");
    expect(await codeOfLoad(folder)).toBe("FILE_NOT_REGULAR");
  });

  test("FILE_WRITE: a folder that does not exist", async () => {
    expect(await codeOfAsync(() => saveModel(weights(), at("none", "m.onnx")))).toBe("FILE_WRITE");
  });
});

describe("external data", () => {
  test("is written sorted by size, each tensor at a multiple of 4 KiB; small ones stay in the model", async () => {
    await saveModel(weights(), at("m.onnx"), { externalData: true });
    expect(entries(at("m.onnx"))).toEqual({
      a: { location: "m.onnx.data", offset: "0", length: "4000" },
      b: { location: "m.onnx.data", offset: "4096", length: "8000" },
      c: {},
    });
    expect(readFileSync(at("m.onnx.data")).length).toBe(4096 + 8000);
    expect(readdirSync(folder).sort()).toEqual(["m.onnx", "m.onnx.data"]);
  });

  test("comes back when used, and not before", async () => {
    await saveModel(weights(), at("m.onnx"), { externalData: { threshold: 1, file: "w.bin", alignment: 1 } });
    const model = await loadModel(at("m.onnx"));
    expect([...model.graph.initializers].map((v) => v.tensor!.storage.kind)).toEqual(["file", "file", "file"]);
    expect(contents(model)).toEqual(contents(weights()));
  });

  test("moves back into the model, byte for byte", async () => {
    await saveModel(weights(), at("m.onnx"), { externalData: true });
    await saveModel(await loadModel(at("m.onnx")), at("n.onnx"), { externalData: false });
    expect(readFileSync(at("n.onnx"))).toEqual(Buffer.from(encodeModel(weights())));
  });

  test("may be written over the files it is read from", async () => {
    await saveModel(weights(), at("m.onnx"), { externalData: true });
    const before = readFileSync(at("m.onnx.data"));
    const model = await loadModel(at("m.onnx"));
    await saveModel(model, at("m.onnx"), { externalData: true });
    expect(readFileSync(at("m.onnx.data"))).toEqual(before);
    expect(contents(model)).toEqual(contents(weights()));
    expect(contents(await loadModel(at("m.onnx")))).toEqual(contents(weights()));
  });

  test("content that several tensors share is stored once", async () => {
    const model = weights();
    model.graph.addInitializer("again", model.graph.value("b")!.tensor!.reshape([20, 100]));
    await saveModel(model, at("m.onnx"), { externalData: true });
    const { again, b } = entries(at("m.onnx"));
    expect(again).toEqual(b);
  });

  test("of Constant nodes and of subgraphs goes out as well", async () => {
    const inner = new Graph("body");
    inner.addOutput(inner.add({ opType: "Constant", outputs: ["k"], attributes: { value: { kind: "tensor", value: Tensor.from("float32", [500], new Float32Array(500)) } } }).out);
    const graph = new Graph("g");
    graph.add({ opType: "If", attributes: { then_branch: { kind: "graph", value: inner } } });
    await saveModel(new Model({ graph }), at("m.onnx"), { externalData: true });
    expect(readFileSync(at("m.onnx.data")).length).toBe(2000);
    const [node] = (await loadModel(at("m.onnx"))).graph.allNodes();
    expect(node!.subgraphs[0]!.graph.firstNode!.attribute("value", "tensor")!.size).toBe(500);
  });

  test("nothing large: no data file", async () => {
    await saveModel(weights(), at("m.onnx"), { externalData: { threshold: 1e6 } });
    expect(readdirSync(folder)).toEqual(["m.onnx"]);
  });

  test("a checksum is stated when asked for, and compared when stated", async () => {
    await saveModel(weights(), at("m.onnx"), { externalData: { checksum: true } });
    const data = readFileSync(at("m.onnx.data"));
    expect(entries(at("m.onnx"))["a"]!["checksum"]).toBe(createHash("sha1").update(data).digest("hex"));
    expect(contents(await loadModel(at("m.onnx")))).toEqual(contents(weights()));
    data[0]! ^= 1;
    writeFileSync(at("m.onnx.data"), data);
    expect(await codeOfLoad(at("m.onnx"))).toBe("ONNX_EXTERNAL_CHECKSUM");
    expect(await codeOfLoad(at("m.onnx"), { verifyChecksum: false })).toBeUndefined();
  });

  test.each([["", "FILE_EXTERNAL_NAME"], ["../w", "FILE_EXTERNAL_NAME"], ["sub/w", "FILE_EXTERNAL_NAME"], ["m.onnx", "FILE_EXTERNAL_NAME"], [".", "FILE_EXTERNAL_NAME"]])(
    "the data file cannot be called %j: %s",
    async (file, code) => {
      expect(await codeOfAsync(() => saveModel(weights(), at("m.onnx"), { externalData: { file } }))).toBe(code);
    },
  );

  test.each([{ threshold: 0 }, { threshold: NaN }, { alignment: 0 }, { alignment: 1.5 }])("FILE_EXTERNAL_OPTION: %j", async (options) => {
    expect(await codeOfAsync(() => saveModel(weights(), at("m.onnx"), { externalData: options }))).toBe("FILE_EXTERNAL_OPTION");
  });
});

describe("path rules", () => {
  const data = floats(1, 2);

  test("a plain file beside the model or in a folder below is read", async () => {
    writeFileSync(at("w.bin"), data);
    expect(contents(await loadModel(external(["location", "w.bin"])))).toEqual({ w: [1, 2] });
    mkdirSync(at("sub"));
    writeFileSync(at("sub", "w.bin"), floats(9, 9, 1, 2));
    expect(contents(await loadModel(external(["location", "./sub/w.bin"], ["offset", "8"], ["length", "8"])))).toEqual({ w: [1, 2] });
  });

  test("ONNX_EXTERNAL_MISSING: no such file", async () => {
    expect(await codeOfLoad(external(["location", "w.bin"]))).toBe("ONNX_EXTERNAL_MISSING");
  });

  test("ONNX_EXTERNAL_SYMLINK: a link to a file, also to one inside the folder", async () => {
    writeFileSync(at("real.bin"), data);
    symlinkSync("real.bin", at("w.bin"));
    expect(await codeOfLoad(external(["location", "w.bin"]))).toBe("ONNX_EXTERNAL_SYMLINK");
  });

  test("ONNX_EXTERNAL_SYMLINK: a linked folder on the way out", async () => {
    const outside = mkdtempSync(join(root, "outside-"));
    writeFileSync(join(outside, "w.bin"), data);
    symlinkSync(outside, at("sub"));
    expect(await codeOfLoad(external(["location", "sub/w.bin"]))).toBe("ONNX_EXTERNAL_SYMLINK");
  });

  test("a linked model folder is the caller's own choice", async () => {
    writeFileSync(at("w.bin"), data);
    external(["location", "w.bin"]);
    symlinkSync(folder, `${folder}-link`);
    expect(await codeOfLoad(join(`${folder}-link`, "m.onnx"))).toBeUndefined();
  });

  test("ONNX_EXTERNAL_HARDLINK: a file with a second name", async () => {
    const outside = mkdtempSync(join(root, "outside-"));
    writeFileSync(join(outside, "secret"), data);
    linkSync(join(outside, "secret"), at("w.bin"));
    expect(await codeOfLoad(external(["location", "w.bin"]))).toBe("ONNX_EXTERNAL_HARDLINK");
  });

  test("links are followed when the caller trusts them", async () => {
    writeFileSync(at("real.bin"), data);
    linkSync(at("real.bin"), at("hard.bin"));
    symlinkSync("hard.bin", at("w.bin"));
    expect(contents(await loadModel(external(["location", "w.bin"]), { trustLinks: true }))).toEqual({ w: [1, 2] });
  });

  test("trusting links does not allow paths that leave the folder", async () => {
    expect(await codeOfLoad(external(["location", "../w.bin"]), { trustLinks: true })).toBe("ONNX_EXTERNAL_TRAVERSAL");
  });

  test("ONNX_EXTERNAL_NOT_FILE: a folder; a pipe, without waiting", async () => {
    mkdirSync(at("sub"));
    expect(await codeOfLoad(external(["location", "sub"]))).toBe("ONNX_EXTERNAL_NOT_FILE");
    execFileSync("mkfifo", [at("w.bin")]);
    expect(await codeOfLoad(external(["location", "w.bin"]))).toBe("ONNX_EXTERNAL_NOT_FILE");
  });

  test.each([
    ["the tensor ends beyond the file", ["offset", "4"]],
    ["the offset is beyond the file", ["offset", "4000000000000"]],
  ] as const)("ONNX_EXTERNAL_RANGE: %s", async (_name, entry) => {
    writeFileSync(at("w.bin"), data);
    expect(await codeOfLoad(external(["location", "w.bin"], entry))).toBe("ONNX_EXTERNAL_RANGE");
  });

  test("ONNX_EXTERNAL_RANGE: a tensor of a terabyte is refused before anything is allocated", async () => {
    writeFileSync(at("w.bin"), data);
    const tensor = { name: "w", dataType: 1, dims: [2 ** 38], dataLocation: 1, externalData: [{ key: "location", value: "w.bin" }] };
    writeFileSync(at("m.onnx"), encodeProto("ModelProto", { irVersion: 10, graph: { initializer: [tensor] } }));
    expect(await codeOfLoad(at("m.onnx"))).toBe("ONNX_EXTERNAL_RANGE");
  });

  test("the file that was checked is the file that is read, whatever comes to its path later", async () => {
    writeFileSync(at("w.bin"), data);
    const model = await loadModel(external(["location", "w.bin"]));
    writeFileSync(at("other"), floats(7, 7));
    renameSync(at("other"), at("w.bin"));
    expect(contents(model)).toEqual({ w: [1, 2] });
  });

  test("FILE_SHORT: the file was cut while in use", async () => {
    writeFileSync(at("w.bin"), data);
    const model = await loadModel(external(["location", "w.bin"]));
    truncateSync(at("w.bin"), 4);
    expect(codeOf(() => contents(model))).toBe("FILE_SHORT");
  });
});

describe("a failure while writing", () => {
  /** A model whose second tensor cannot be read. */
  function failing(): Model {
    const model = weights();
    const broken: TensorStorage = { kind: "lazy", byteLength: 8000, bytes: () => { throw new Error("gone"); } };
    model.graph.addInitializer("z", new Tensor("float32", [2000], broken));
    return model;
  }

  test.each([false, true])("leaves the files that were there, and no temporary ones (external data: %s)", async (externalData) => {
    await saveModel(weights(), at("m.onnx"), { externalData });
    const before = readdirSync(folder).map((name) => [name, readFileSync(at(name))]);
    await expect(saveModel(failing(), at("m.onnx"), { externalData })).rejects.toThrow("gone");
    expect(readdirSync(folder).map((name) => [name, readFileSync(at(name))])).toEqual(before);
  });

  test("no folder, no file", async () => {
    expect(existsSync(dirname(at("none", "m.onnx")))).toBe(false);
    expect(await codeOfAsync(() => saveModel(weights(), at("none", "m.onnx"), { externalData: true }))).toBe("FILE_WRITE");
  });
});

test("in a browser bundle every function of the entry refuses by name", async () => {
  const browser = (await import("../src/node-browser.ts")) as Record<string, unknown>;
  const node = (await import("@lathe/core/node")) as Record<string, unknown>;
  const functions = Object.entries(browser).filter(([, value]) => typeof value === "function") as [string, () => never][];
  for (const [, refuse] of functions) expect(codeOf(refuse)).toBe("FILE_NODE_ONLY");
  expect(functions.map(([name]) => name).sort()).toEqual(Object.keys(node).filter((name) => typeof node[name] === "function").sort());
});

test("every code of the file catalogue has a case above", () => {
  const covered = ["FILE_NODE_ONLY", "FILE_OPEN", "FILE_NOT_REGULAR", "FILE_SHORT", "FILE_WRITE", "FILE_EXTERNAL_NAME", "FILE_EXTERNAL_OPTION"];
  expect(fileErrors.$rows.map((row) => row.code).sort()).toEqual(covered.sort());
});
