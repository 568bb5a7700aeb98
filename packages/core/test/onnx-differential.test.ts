/** Our codec against @bufbuild/protobuf: on real files, on generated messages, and on damaged bytes. */
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeProto, encodeProto, isLatheError } from "@lathe/core";
import type { MessageName, Proto } from "../src/onnx/proto.ts";
import { anyMessage } from "./onnx/arbitrary.ts";
import { mutate, random } from "./onnx/mutate.ts";
import { modelFiles } from "./onnx/model-files.ts";
import { descriptor, normalizeOurs, normalizeTheirs, oracleDecode, oracleEncode, mentionsOpaque, withoutEnums } from "./onnx/oracle.ts";

/** Set LATHE_CODEC_MODELS=100000 and LATHE_CODEC_MUTANTS=1000000 for the long run. */
const models = Number(process.env["LATHE_CODEC_MODELS"] ?? 200);
const mutants = Number(process.env["LATHE_CODEC_MUTANTS"] ?? 20_000);
const long = 3_600_000;

describe("real files", () => {
  test.each(modelFiles)("%s is read as the oracle reads it, and written byte for byte", (_name, path) => {
    const bytes = readFileSync(path);
    const ours = decodeProto("ModelProto", bytes);
    const theirs = oracleDecode("ModelProto", bytes);
    expect(normalizeOurs("ModelProto", ours)).toEqual(normalizeTheirs(descriptor("ModelProto"), theirs));
    const written = encodeProto("ModelProto", ours);
    expect(Buffer.compare(written, oracleEncode("ModelProto", theirs))).toBe(0);
    expect(Buffer.compare(encodeProto("ModelProto", decodeProto("ModelProto", written)), written)).toBe(0);
  });
});

describe("generated messages", () => {
  const roots: MessageName[] = ["ModelProto", "GraphProto", "FunctionProto", "TypeProto", "NodeProto"];
  test.each(roots)("%s: both encoders give the same bytes and both decoders the same message", (name) => {
    const property = fc.property(anyMessage(name), (message) => {
      const bytes = encodeProto(name, message as Proto<typeof name>);
      const ours = decodeProto(name, bytes);
      const theirs = oracleDecode(name, bytes);
      expect(normalizeOurs(name, ours)).toEqual(normalizeOurs(name, message));
      expect(normalizeTheirs(descriptor(name), theirs)).toEqual(normalizeOurs(name, ours));
      expect(Buffer.compare(oracleEncode(name, theirs), bytes)).toBe(0);
    });
    fc.assert(property, { numRuns: name === "ModelProto" ? models : Math.ceil(models / 10) });
  }, long);
});

describe("damaged bytes", () => {
  test("are read as the oracle reads them or refused with a code, never anything else", () => {
    const seeds = fc.sample(anyMessage("ModelProto"), { numRuns: 40, seed: 7 }).map((message) => encodeProto("ModelProto", message));
    const pick = random(11);
    let refused = 0;
    for (let i = 0; i < mutants; i++) {
      const bytes = mutate(seeds[i % seeds.length]!, pick);
      try {
        const ours = decodeProto("ModelProto", bytes);
        const theirs = normalizeTheirs(descriptor("ModelProto"), oracleDecode("ModelProto", bytes));
        if (!mentionsOpaque(theirs)) expect(withoutEnums(normalizeOurs("ModelProto", ours))).toEqual(withoutEnums(theirs));
        const again = encodeProto("ModelProto", ours);
        expect(Buffer.compare(encodeProto("ModelProto", decodeProto("ModelProto", again)), again)).toBe(0);
      } catch (error) {
        if (!isLatheError(error)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(mutants / 10);
    expect(refused).toBeLessThan(mutants);
  }, long);
});
