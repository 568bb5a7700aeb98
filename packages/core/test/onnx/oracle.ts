/** The second opinion: @bufbuild/protobuf with the ONNX descriptor that the npm package onnx-buf carries. */
import { fromBinary, toBinary, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { file_onnx } from "onnx-buf";
import { schema, type MessageName } from "../../src/onnx/proto.ts";

/** Our names where ONNX nests messages. */
const nested: Readonly<Record<string, MessageName>> = {
  "onnx.TensorProto.Segment": "TensorSegment",
  "onnx.TypeProto.Tensor": "TensorTypeProto",
  "onnx.TypeProto.SparseTensor": "TensorTypeProto",
  "onnx.TypeProto.Sequence": "SequenceTypeProto",
  "onnx.TypeProto.Map": "MapTypeProto",
  "onnx.TypeProto.Optional": "OptionalTypeProto",
  "onnx.TensorShapeProto.Dimension": "DimensionProto",
};

export const ourName = (desc: DescMessage): MessageName => nested[desc.typeName] ?? (desc.typeName.slice("onnx.".length) as MessageName);

/** All messages of the descriptor, nested ones too. */
export function allDescriptors(): DescMessage[] {
  const walk = (list: readonly DescMessage[]): DescMessage[] => list.flatMap((desc) => [desc, ...walk(desc.nestedMessages)]);
  return walk(file_onnx.messages);
}

export const descriptor = (name: MessageName): DescMessage => allDescriptors().find((desc) => ourName(desc) === name)!;

export const oracleDecode = (name: MessageName, bytes: Uint8Array): Message => fromBinary(descriptor(name), bytes);
export const oracleEncode = (name: MessageName, message: Message): Uint8Array => toBinary(descriptor(name), message);

/** The oracle's reading of some bytes in our form: absent fields absent, int64 as numbers when safe, packed data as elements. */
export function normalizeTheirs(desc: DescMessage, message: Message): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const field of desc.fields) {
    const value = read(field, message);
    if (value === undefined) continue;
    if (field.fieldKind === "list") {
      const list = value as unknown[];
      if (list.length > 0) out[keyOf(desc, field)] = list.map((item) => one(field, item));
    } else out[keyOf(desc, field)] = one(field, value);
  }
  const unknown = message.$unknown?.map((u) => [u.no, u.wireType, hex(u.data)]);
  if (unknown && unknown.length > 0) out["unknown"] = unknown;
  return out;
}

const keyOf = (desc: DescMessage, field: DescField): string => schema[ourName(desc)].byNumber[field.number]!.key;

function read(field: DescField, message: Message): unknown {
  const values = message as unknown as Record<string, unknown>;
  if (field.oneof) {
    const chosen = values[field.oneof.localName] as { case?: string; value?: unknown };
    return chosen.case === field.localName ? chosen.value : undefined;
  }
  // Absent proto2 fields sit on the prototype as defaults.
  return Object.hasOwn(values, field.localName) ? values[field.localName] : undefined;
}

function one(field: DescField, value: unknown): unknown {
  if (field.message) return normalizeTheirs(field.message, value as Message);
  return scalar(value);
}

/** True when a message has an unknown field 7: in a type that is `Opaque`, which the oracle's schema lacks. */
export function mentionsOpaque(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, v]) => (key === "unknown" && (v as unknown[][]).some(([n]) => n === 7)) || mentionsOpaque(v));
}

/** protobuf keeps enum members that it does not know as unknown fields; Lathe keeps the number. Where such bytes may occur, enums are left out on both sides. */
export function withoutEnums(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEnums);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key, v]) => !(enumKeys.has(key) && typeof v === "number"));
  return Object.fromEntries(entries.map(([key, v]) => [key, key === "unknown" ? withoutEnumNumbers(v as unknown[][]) : withoutEnums(v)]).filter(([, v]) => v !== undefined));
}

const enumKeys = new Set(["type", "dataLocation"]);
const enumNumbers = new Set([14, 20]);

function withoutEnumNumbers(fields: readonly unknown[][]): unknown {
  const rest = fields.filter(([number]) => !enumNumbers.has(number as number));
  return rest.length > 0 ? rest : undefined;
}

/** Our reading in the same form. */
export function normalizeOurs(name: MessageName, message: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const field of schema[name].fields) {
    const value = message[field.key];
    if (value === undefined) continue;
    const convert = (item: unknown): unknown =>
      field.message ? normalizeOurs(field.message.name, item as Record<string, unknown>) : scalar(item);
    if (field.type.startsWith("packed")) {
      const list = unpack(field.where, Buffer.concat(value as Uint8Array[]));
      if (list.length > 0) out[field.key] = list;
    } else if (!field.many) out[field.key] = convert(value);
    else if ((value as unknown[]).length > 0) out[field.key] = (value as unknown[]).map(convert);
  }
  const pieces = message["unknown"] as Uint8Array[] | undefined;
  if (pieces) {
    // The oracle splits unknown bytes into fields: let it do the same to ours.
    const again = fromBinary(descriptor(name), Buffer.concat(pieces));
    out["unknown"] = again.$unknown?.map((u) => [u.no, u.wireType, hex(u.data)]);
  }
  return out;
}

function scalar(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) && BigInt(Number(value)) === value ? Number(value) : `${value}n`;
  if (value instanceof Uint8Array) return hex(value);
  return value;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");

function unpack(where: string, bytes: Buffer): unknown[] {
  const out: unknown[] = [];
  if (where.endsWith("floatData")) for (let i = 0; i < bytes.length; i += 4) out.push(bytes.readFloatLE(i));
  else if (where.endsWith("doubleData")) for (let i = 0; i < bytes.length; i += 8) out.push(bytes.readDoubleLE(i));
  else {
    let value = 0n;
    let shift = 0n;
    for (const byte of bytes) {
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if (byte >= 0x80) continue;
      out.push(where.endsWith("int32Data") ? Number(BigInt.asIntN(32, value)) : scalar(where.endsWith("uint64Data") ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value)));
      value = shift = 0n;
    }
  }
  return out;
}
