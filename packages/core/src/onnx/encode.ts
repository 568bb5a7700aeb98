/**
 * Plain protobuf messages to bytes, in two passes: sizes first, then the values. Fields go out in the order of their numbers, so
 * the same message always gives the same bytes. Large byte fields are passed through, not copied.
 */
import { codecErrors } from "./errors.ts";
import type { PackedType, ScalarType } from "./fields.ts";
import { schema, type FieldInfo, type MessageInfo, type MessageName, type Proto } from "./proto.ts";
import { utf8Length } from "./utf8.ts";
import { BYTES, FIXED32, VARINT, type WireType } from "./wire.ts";
import { chunksOf, intSize, PartWriter, uintSize, type Part } from "./writer.ts";

type Message = Readonly<Record<string, unknown>>;

/** How a scalar is measured and written, without its tag. */
interface Scalar {
  readonly wire: WireType;
  size(value: never): number;
  write(writer: PartWriter, value: never): void;
}

const int: Scalar = { wire: VARINT, size: intSize, write: (w, v: number | bigint) => w.int(v) };
const text: Scalar = {
  wire: BYTES,
  size: (value: string) => delimited(utf8Length(value)),
  write: (w, value: string) => {
    const length = utf8Length(value);
    w.uint(length);
    w.text(value, length);
  },
};
const blob: Scalar = {
  wire: BYTES,
  size: (value: Part) => delimited(value.byteLength),
  write: (w, value: Part) => {
    w.uint(value.byteLength);
    w.bytes(value);
  },
};

const scalars: Readonly<Record<ScalarType | PackedType, Scalar>> = {
  int32: int,
  int64: int,
  float: { wire: FIXED32, size: () => 4, write: (w, v: number) => w.float(v) },
  name: text,
  text,
  bytes: blob,
  blob,
  packed32: pieces(),
  packed64: pieces(),
  packedVarint: pieces(),
};

/** Packed lists are kept encoded, possibly in several pieces; they go out as one. */
function pieces(): Scalar {
  const total = (value: readonly Uint8Array[]): number => value.reduce((sum, piece) => sum + piece.byteLength, 0);
  return {
    wire: BYTES,
    size: (value: readonly Uint8Array[]) => delimited(total(value)),
    write: (w, value: readonly Uint8Array[]) => {
      w.uint(total(value));
      for (const piece of value) w.bytes(piece);
    },
  };
}

const delimited = (length: number): number => uintSize(length) + length;
const tagOf = (field: FieldInfo, wire: WireType): number => field.number * 8 + wire;

/** The encoded message as parts: small pieces in memory, and the message's own large byte fields. */
export function encodeParts<N extends MessageName>(name: N, message: Proto<N>): Part[] {
  const sizes: number[] = [];
  measure(schema[name], message, sizes);
  const writer = new PartWriter();
  write(schema[name], message, sizes, { next: 1 }, writer);
  writer.flush();
  return writer.parts;
}

/** The encoded message in one buffer. @throws ONNX_ENCODE_SIZE when no buffer can be that large. */
export function encodeProto<N extends MessageName>(name: N, message: Proto<N>): Uint8Array {
  return joinParts(encodeParts(name, message));
}

export const partsLength = (parts: readonly Part[]): number => parts.reduce((sum, part) => sum + part.byteLength, 0);

export function joinParts(parts: readonly Part[]): Uint8Array {
  const size = partsLength(parts);
  const out = allocate(size);
  let used = 0;
  for (const chunk of chunksOf(parts)) {
    out.set(chunk, used);
    used += chunk.byteLength;
  }
  return out;
}

function allocate(size: number): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw codecErrors.ONNX_ENCODE_SIZE({ size }, cause);
  }
}

/**
 * The fields that the message has, in the order in which they are written. Messages have few of their fields, so their keys are
 * looked up in the table and not the table's in them.
 */
function present(info: MessageInfo, message: Message): FieldInfo[] {
  const fields: FieldInfo[] = [];
  for (const key in message) {
    const field = message[key] === undefined ? undefined : info.byKey.get(key);
    if (field === undefined) continue;
    let at = fields.length;
    while (at > 0 && fields[at - 1]!.number > field.number) at--;
    if (at === fields.length) fields.push(field);
    else fields.splice(at, 0, field);
  }
  return fields;
}

/** Appends the size of the message and of all messages in it to `sizes`, each before its children. */
function measure(info: MessageInfo, message: Message, sizes: number[]): number {
  const slot = sizes.push(0) - 1;
  let size = 0;
  for (const field of present(info, message)) {
    const value = message[field.key];
    if (!field.many) size += measureOne(field, value, sizes);
    else for (const item of value as readonly unknown[]) size += measureOne(field, item, sizes);
  }
  for (const piece of unknownOf(message)) size += piece.byteLength;
  return (sizes[slot] = size);
}

function measureOne(field: FieldInfo, value: unknown, sizes: number[]): number {
  const tag = uintSize(tagOf(field, BYTES));
  if (field.type === "message") return tag + delimited(measure(field.message!, value as Message, sizes));
  if (isEmptyPacked(field, value)) return 0;
  return tag + scalars[field.type].size(value as never);
}

function write(info: MessageInfo, message: Message, sizes: readonly number[], cursor: { next: number }, writer: PartWriter): void {
  for (const field of present(info, message)) {
    const value = message[field.key];
    if (!field.many) writeOne(field, value, sizes, cursor, writer);
    else for (const item of value as readonly unknown[]) writeOne(field, item, sizes, cursor, writer);
  }
  for (const piece of unknownOf(message)) writer.bytes(piece);
}

function writeOne(field: FieldInfo, value: unknown, sizes: readonly number[], cursor: { next: number }, writer: PartWriter): void {
  if (field.type === "message") {
    writer.uint(tagOf(field, BYTES));
    writer.uint(sizes[cursor.next++]!);
    write(field.message!, value as Message, sizes, cursor, writer);
    return;
  }
  if (isEmptyPacked(field, value)) return;
  const scalar = scalars[field.type];
  writer.uint(tagOf(field, scalar.wire));
  scalar.write(writer, value as never);
}

const isEmptyPacked = (field: FieldInfo, value: unknown): boolean =>
  field.type.startsWith("packed") && (value as readonly Uint8Array[]).every((piece) => piece.byteLength === 0);

const unknownOf = (message: Message): readonly Uint8Array[] => (message["unknown"] as readonly Uint8Array[] | undefined) ?? [];
