import { limitsIn, parseLayerInfo, parseLayerProfile, parseOutputs, parsePlanHeader, parseSummary, parseTimes, readLog } from "@lathe/trt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fixture } from "./support.ts";

describe("the performance summary", () => {
  const { summary, warnings } = readLog(fixture("logs/bench-10.log"));

  it("is read into numbers, in ms", () => {
    expect(parseSummary(summary)).toMatchObject({
      throughput: 1499.38, hostSeconds: 3.00123, computeSeconds: 2.80812,
      compute: { min: 0.615234, max: 1.21, mean: 0.624, median: 0.621094, percentiles: { 90: 0.63, 95: 0.64, 99: 0.7 } },
      enqueue: { median: 0.0029 }, h2d: { mean: 0 },
    });
  });

  it("may hold what C++ prints for numbers that are none", () => {
    const odd = ["Throughput: inf qps", "GPU Compute Time: min = 1e-05 ms, max = nan ms, mean = -nan ms, median = inf ms, percentile(99.9%) = 1.5e+02 ms"];
    expect(parseSummary(odd)).toMatchObject({ throughput: Infinity, compute: { min: 1e-5, max: NaN, mean: NaN, median: Infinity, percentiles: { "99.9": 150 } }, latency: { min: NaN } });
  });

  it("comes with the tool's cautions", () => {
    expect(limitsIn(warnings)).toEqual(["unstable"]);
    expect(limitsIn(["* Throughput may be bound by Enqueue Time rather than GPU Compute and the GPU may be under-utilized.", "* Throughput may be bound by device-to-host transfers for the outputs"])).toEqual(["enqueue", "d2h"]);
  });

  it("is demanded whole", () => {
    expect(() => parseSummary([])).toThrow(expect.objectContaining({ code: "TRT_OUTPUT", message: expect.stringContaining("Throughput is missing") }));
    expect(() => parseSummary(["Throughput: 1 qps"])).toThrow(expect.objectContaining({ code: "TRT_OUTPUT" }));
  });
});

describe("times of runs", () => {
  it("are read, also those that are not finite", () => {
    expect(parseTimes(fixture("times.json"))).toEqual([
      { h2d: 0, compute: 0.62, d2h: 0, latency: 0.62, startCompute: 200.11 },
      { h2d: 0, compute: NaN, d2h: 1e-5, latency: NaN, startCompute: 200.81 },
    ]);
    expect(parseTimes("[\n]\n")).toEqual([]);
  });

  it.each(["", "{}", "[{}]", "[null]", '[{"h2dMs": "1"}]'])("%j is refused by name", (text) => {
    expect(() => parseTimes(text)).toThrow(expect.objectContaining({ code: "TRT_OUTPUT" }));
  });
});

describe("the profile of layers", () => {
  it("is read with names as they are, though the file is no JSON then", () => {
    const text = fixture("profile.json");
    expect(() => JSON.parse(text) as unknown).toThrow();
    const { runs, layers } = parseLayerProfile(text);
    expect(runs).toBe(4500);
    expect(layers.map((l) => l.name)).toEqual(["Reformatting CopyNode for Input Tensor 0 to conv", "conv + relu", 'a "quoted" \\name\\, "timeMs: x"}']);
    expect(layers[1]).toEqual({ name: "conv + relu", averageMs: 0.08, medianMs: 0.0798, share: 0.8 });
    expect(layers[2]!.averageMs).toBe(0.01);
  });

  it("gives back any name that was written", () => {
    const name = fc.string({ unit: "binary", maxLength: 40 }).filter((s) => !/"\s*,\s*"timeMs"\s*:/.test(s));
    fc.assert(fc.property(fc.array(name, { minLength: 1, maxLength: 8 }), (names) => {
      const text = `[\n  { "count" : 3 }\n${names.map((n) => `, { "name" : "${n}", "timeMs" : 1, "averageMs" : 0.5, "medianMs" : nan, "percentage" : 5 }\n`).join("")}]\n`;
      expect(parseLayerProfile(text).layers.map((l) => l.name)).toEqual(names);
    }));
  });

  it.each(["", "[", "{}", "[]", '[ { "name" : "a" } ]', '[ { "name" : "a", "timeMs" : 1 } ]'])("%j is refused by name", (text) => {
    expect(() => parseLayerProfile(text)).toThrow(expect.objectContaining({ code: "TRT_OUTPUT" }));
  });
});

describe("layer information", () => {
  it("of TensorRT 10 has format and type in one word", () => {
    const { layers, bindings } = parseLayerInfo(fixture("layers-10.json"));
    expect(bindings).toEqual([{ name: "x" }, { name: "y" }]);
    expect(layers[0]).toMatchObject({ type: "Reformat", tactic: "0x00000000000003e8", stream: 0, inputs: [{ dtype: "fp32", format: "Row major linear" }], outputs: [{ dtype: "int8", format: "Row major" }] });
    expect(layers[1]).toMatchObject({ type: "CaskConvolution", tactic: "ampere_scudnn_128x32", nodes: ["conv", "relu"], outputs: [{ name: "y", dims: [1, 8, 112, 112], dtype: "fp16" }] });
  });

  it("of TensorRT 11 has them apart, and says which tensors go in and out", () => {
    const { layers, bindings } = parseLayerInfo(fixture("layers-11.json"));
    expect(layers).toEqual([{
      name: "conv + relu", type: "conv", tactic: "sm80_xmma", stream: 0, nodes: ["conv"],
      inputs: [{ name: "x", dims: [1, 3, 224, 224], dtype: "fp16", format: "Row major linear" }], outputs: [{ name: "y", dims: [1, 8, 112, 112], dtype: "fp16", format: "Channel major" }],
    }]);
    expect(bindings).toEqual([{ name: "x", mode: "input", dtype: "fp16", dims: [-1, 3, 224, 224] }, { name: "y", mode: "output", dtype: "fp16", dims: [-1, 8, 112, 112] }]);
  });

  it("has names alone where the engine was built to tell no more", () => {
    expect(parseLayerInfo('{"Layers": ["Conv__25 + Relu"\n,"MaxPool2d"\n],\n"Bindings": ["x:0"\n]}')).toEqual({ layers: [{ name: "Conv__25 + Relu" }, { name: "MaxPool2d" }], bindings: [{ name: "x:0" }] });
  });

  it("is read despite backslashes that are not escaped", () => {
    expect(parseLayerInfo(String.raw`{"Layers": ["a\pb", "c\"d"], "Bindings": []}`).layers.map((l) => l.name)).toEqual(["a\\pb", 'c"d']);
  });

  it.each(["", "[]", "{}", '{"Layers": 1}', '{"Layers": ['])("%j is refused by name", (text) => {
    expect(() => parseLayerInfo(text)).toThrow(expect.objectContaining({ code: "TRT_OUTPUT" }));
  });
});

describe("outputs", () => {
  it("are read with names as they are, and numbers that are none", () => {
    const outputs = parseOutputs(fixture("outputs.json"));
    expect(Object.entries(outputs).map(([name, { dims }]) => [name, dims])).toEqual([["probabilities", [1, 4]], ['a "quoted" \\name', [2]], ["count", []]]);
    expect([...outputs["probabilities"]!.toFloat64()]).toEqual([0.1, 0.25, 0.6, 0.05]);
    expect([...outputs['a "quoted" \\name']!.toFloat64()]).toEqual([Infinity, NaN]);
  });

  it.each(["", "[]", "{}", '[ { "name" : "y" } ]', '[ { "name" : "y", "dimensions" : "2", "values" : [ 1 ] } ]', '[ { "name" : "y", "dimensions" : "2", "values" : [ 1, 2 ]'])("%j is refused by name", (text) => {
    expect(() => parseOutputs(text)).toThrow(expect.objectContaining({ code: "TRT_OUTPUT" }));
  });
});

describe("the header of an engine", () => {
  const header = (magic = "ftrt", serialization = 0, version = [10, 13, 3, 9]): number[] => [...magic].map((c) => c.charCodeAt(0)).concat([serialization, 0, 0, 0], Array(16).fill(0) as number[], version);

  it.each<[string, number[], unknown]>([
    ["tells the release", header(), { magic: "ftrt", version: { major: 10, minor: 13, patch: 3, build: 9 } }],
    ["may be of the other kind", header("ptrt"), { magic: "ptrt", version: { major: 10, minor: 13, patch: 3, build: 9 } }],
    ["of an older form does not tell", header("ftrt", 213), { magic: "ftrt", version: undefined }],
    ["may follow a JSON text", [8, 0, 0, 0, ...[..."{\"a\":12}"].map((c) => c.charCodeAt(0)), ...header("ftrt", 0, [11, 1, 0, 21])], { magic: "ftrt", version: { major: 11, minor: 1, patch: 0, build: 21 } }],
  ])("%s", (_, bytes, expected) => {
    expect(parsePlanHeader(Uint8Array.from(bytes))).toEqual(expected);
  });

  it("is not found in other files", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(() => parsePlanHeader(bytes)).toThrow(expect.objectContaining({ code: "TRT_PLAN" }));
    }));
    expect(() => parsePlanHeader(Uint8Array.from(header().slice(0, 27)))).toThrow(expect.objectContaining({ code: "TRT_PLAN", message: expect.stringContaining("cut short") }));
    expect(() => parsePlanHeader(new Uint8Array(0))).toThrow("0 bytes");
  });
});

it("whatever is cut short or garbled is refused by name or read, and never hangs", () => {
  const readers = [[parseTimes, fixture("times.json")], [parseLayerProfile, fixture("profile.json")], [parseOutputs, fixture("outputs.json")], [parseLayerInfo, fixture("layers-10.json")], [parseLayerInfo, fixture("layers-11.json")]] as const;
  fc.assert(fc.property(fc.constantFrom(...readers), fc.nat(), fc.nat(), fc.string({ maxLength: 5 }), ([read, text], a, b, noise) => {
    const [from, to] = [a % text.length, b % text.length].toSorted((x, y) => x - y) as [number, number];
    for (const changed of [text.slice(0, to), text.slice(from), text.slice(0, from) + noise + text.slice(to)]) {
      try {
        read(changed);
      } catch (error) {
        expect(error).toMatchObject({ code: "TRT_OUTPUT" });
      }
    }
  }), { numRuns: 300 });
});
