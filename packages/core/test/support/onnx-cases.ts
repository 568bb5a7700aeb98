/** Reads the ONNX backend test suite as scripts/fetch-conformance.mjs lays it out: <kind>/<case>/{model.onnx, test_data_set_0/*.pb}. */
import { decodeModel, decodeProto, dtypeFromId, type DType, type Model, type Tensor, type ValueType } from "@lathe/core";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What a stored output really is. */
export interface Actual {
  readonly kind: "tensor" | "sequence";
  readonly dtype: DType | undefined;
  /** Of the tensor, or of each element. */
  readonly dims: readonly (readonly number[])[];
}

export interface OnnxCase {
  readonly name: string;
  readonly kind: string;
  readonly folder: string;
}

export const conformanceHome = process.env.LATHE_CONFORMANCE ?? join(homedir(), ".cache", "lathe-conformance");

/** The suites that are on this machine: the newest, and an old one for operators as they were. */
export const suites = ["onnx", join("debian-1.12", "onnx")].map((name) => join(conformanceHome, name)).filter((folder) => existsSync(folder));

export function casesOf(suite: string): readonly OnnxCase[] {
  const folders = (path: string): string[] => readdirSync(path, { withFileTypes: true }).filter((e) => e.isDirectory()).map((e) => e.name).sort();
  return folders(suite).flatMap((kind) =>
    folders(join(suite, kind)).map((name) => ({ name, kind, folder: join(suite, kind, name) })).filter((c) => existsSync(join(c.folder, "model.onnx"))));
}

export const readModel = (path: string): Model => decodeModel(new Uint8Array(readFileSync(path)));

const files = (c: OnnxCase, prefix: string): Uint8Array[] => {
  const data = join(c.folder, "test_data_set_0");
  return readdirSync(data)
    .filter((name) => name.startsWith(prefix) && name.endsWith(".pb"))
    .sort((a, b) => Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]))
    .map((name) => new Uint8Array(readFileSync(join(data, name))));
};

export function readInputs(c: OnnxCase, model: Model): (Tensor | undefined)[] {
  return files(c, "input_").map((bytes, i) => (model.graph.inputs[i]?.type?.kind === "tensor" ? readTensor(bytes) : undefined));
}

/** A stored tensor, read as the initializer of a model around it: that is the codec's public door. */
function readTensor(bytes: Uint8Array): Tensor | undefined {
  const [value] = decodeModel(modelWith(bytes)).graph.initializers;
  return value?.tensor;
}

/** ModelProto { ir_version: 10, opset_import { version: 21 }, graph { name: "g", initializer: <bytes> } }. */
function modelWith(tensor: Uint8Array): Uint8Array {
  const named = new Uint8Array([...tensor, 0x42, 1, 0x74]); // name = "t", last one wins
  const graph = new Uint8Array([0x12, 1, 0x67, 0x2a, ...varint(named.length), ...named]);
  return new Uint8Array([8, 10, 0x42, 2, 0x10, 21, 0x3a, ...varint(graph.length), ...graph]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

/** Types of the stored outputs; `declared` says how to read each file. */
export function readOutputs(c: OnnxCase, declared: readonly (ValueType | undefined)[]): readonly (Actual | undefined)[] {
  return files(c, "output_").map((bytes, i) => {
    const kind = declared[i]?.kind;
    if (kind === "tensor") return tensorFacts(bytes);
    return kind === "sequence" ? sequenceFacts(bytes) : undefined;
  });
}

function tensorFacts(bytes: Uint8Array): Actual {
  const { dims = [], dataType = 0 } = decodeProto("TensorProto", bytes);
  return { kind: "tensor", dtype: dtypeFromId(dataType), dims: [dims.map(Number)] };
}

/** SequenceProto { name = 1, elem_type = 2, tensor_values = 3 }: the graph message has strings and messages in the same wire form. */
function sequenceFacts(bytes: Uint8Array): Actual {
  const elements: Actual[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++]!;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      length |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    if ((tag & 7) !== 2) continue;
    if (tag >> 3 === 3) elements.push(tensorFacts(bytes.subarray(at, at + length)));
    at += length;
  }
  return { kind: "sequence", dtype: elements[0]?.dtype, dims: elements.flatMap((e) => e.dims) };
}
