/**
 * Bytes to plain protobuf messages. Byte strings and packed tensor data are views of the input, never copies; every count is
 * checked before it is acted upon; what the table does not know is kept as encoded.
 */
import { codecErrors } from "./errors.ts";
import type { PackedType, ScalarType } from "./fields.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { schema, type FieldInfo, type MessageInfo, type MessageName, type Proto } from "./proto.ts";
import { decodeUtf8 } from "./utf8.ts";
import { BYTES, FIXED32, FIXED64, Reader, VARINT, varintFault, type RandomAccess, type WireType } from "./wire.ts";
import type { Part } from "./writer.ts";

type Message = Record<string, unknown>;
type Scalar = number | bigint | string | Part;

/**
 * Reads one message of the named kind. The result shares the memory of the source, or refers to long byte fields in its file.
 * @throws the codes of `codecErrors` (ONNX_*).
 */
export function decodeProto<N extends MessageName>(name: N, source: Uint8Array | RandomAccess, limits: Partial<Limits> = {}): Proto<N> {
  return new Decoder(source, { ...defaultLimits, ...limits }).message(schema[name], {}, 0, 0) as Proto<N>;
}

const scalarWire: Readonly<Record<ScalarType, WireType>> = {
  int32: VARINT, int64: VARINT, float: FIXED32, name: BYTES, text: BYTES, bytes: BYTES, blob: BYTES,
};

const packedWire: Readonly<Record<PackedType, { wire: WireType; width: number }>> = {
  packed32: { wire: FIXED32, width: 4 },
  packed64: { wire: FIXED64, width: 8 },
  packedVarint: { wire: VARINT, width: 1 },
};

const isPacked = (type: FieldInfo["type"]): type is PackedType => Object.hasOwn(packedWire, type);

class Decoder {
  readonly #reader: Reader;
  readonly #limits: Limits;
  #nodes = 0;
  #messages = 0;
  #elements = 0;
  #textBytes = 0;

  constructor(source: Uint8Array | RandomAccess, limits: Limits) {
    this.#reader = new Reader(source);
    this.#limits = limits;
  }

  /** Reads fields up to the reader's end into `into`, which already holds fields when a message was split in the file. */
  message(info: MessageInfo, into: Message, depth: number, graphDepth: number): Message {
    const reader = this.#reader;
    let unknownFrom = -1;
    while (!reader.done) {
      const start = reader.pos;
      reader.where = info.name;
      const tag = reader.tag();
      const field = info.byNumber[Math.floor(tag / 8)];
      if (field === undefined) {
        reader.skip(tag, depth, this.#limits.nesting);
        if (unknownFrom < 0) unknownFrom = start;
        continue;
      }
      if (unknownFrom >= 0) this.#keepUnknown(into, unknownFrom, start);
      unknownFrom = -1;
      reader.where = field.where;
      this.#field(field, tag, into, depth, graphDepth);
    }
    if (unknownFrom >= 0) this.#keepUnknown(into, unknownFrom, reader.pos);
    return into;
  }

  #field(field: FieldInfo, tag: number, into: Message, depth: number, graphDepth: number): void {
    const { type } = field;
    if (type === "message") this.#nested(field, tag, into, depth, graphDepth);
    else if (isPacked(type)) this.#packed(field, type, tag, into);
    else if (field.many) this.#list(field, type, tag, into);
    else {
      this.#mustBe(scalarWire[type], tag);
      this.#choose(field, into);
      into[field.key] = this.#scalar(type);
    }
  }

  /** A singular message that comes in several parts is merged, as protobuf demands. */
  #nested(field: FieldInfo, tag: number, into: Message, depth: number, graphDepth: number): void {
    this.#mustBe(BYTES, tag);
    const reader = this.#reader;
    const info = field.message!;
    const inner = graphDepth + (info.name === "GraphProto" && field.where.startsWith("AttributeProto") ? 1 : 0);
    this.#enter(info, depth + 1, inner);
    const length = reader.length();
    const end = reader.end;
    reader.end = reader.pos + length;
    this.#choose(field, into);
    if (field.many) push(into, field.key, this.message(info, {}, depth + 1, inner));
    else into[field.key] = this.message(info, (into[field.key] as Message | undefined) ?? {}, depth + 1, inner);
    reader.end = end;
  }

  #enter(info: MessageInfo, depth: number, graphDepth: number): void {
    const { nesting, graphNesting, nodes, messages } = this.#limits;
    const { place } = this.#reader;
    if (depth > nesting) throw codecErrors.ONNX_LIMIT_NESTING({ ...place, limit: nesting });
    if (graphDepth > graphNesting) throw codecErrors.ONNX_LIMIT_GRAPH_NESTING({ ...place, limit: graphNesting });
    if (info.name === "NodeProto" && ++this.#nodes > nodes) throw codecErrors.ONNX_LIMIT_NODES({ ...place, limit: nodes });
    if (++this.#messages > messages) throw codecErrors.ONNX_LIMIT_MESSAGES({ ...place, limit: messages });
  }

  /** A list element, or a whole packed run of them: both encodings of numbers are valid for any list. */
  #list(field: FieldInfo, type: ScalarType, tag: number, into: Message): void {
    const reader = this.#reader;
    if (tag % 8 !== BYTES || scalarWire[type] === BYTES) {
      this.#mustBe(scalarWire[type], tag);
      this.#countElements(1);
      push(into, field.key, this.#scalar(type));
      return;
    }
    const length = reader.length();
    if (type === "float" && length % 4 !== 0) throw codecErrors.ONNX_PACKED({ ...reader.place, declared: length, width: 4 });
    const end = reader.end;
    reader.end = reader.pos + length;
    while (!reader.done) {
      this.#countElements(1);
      push(into, field.key, this.#scalar(type));
    }
    reader.end = end;
  }

  /** Tensor content stays bytes: a packed run is a view, single elements are gathered into one piece per run. */
  #packed(field: FieldInfo, type: PackedType, tag: number, into: Message): void {
    const reader = this.#reader;
    const { wire, width } = packedWire[type];
    if (tag % 8 === BYTES) {
      const piece = reader.view();
      if (piece.length % width !== 0) throw codecErrors.ONNX_PACKED({ ...reader.place, declared: piece.length, width });
      const fault = type === "packedVarint" ? varintFault(piece) : undefined;
      if (fault !== undefined) throw codecErrors[fault](reader.place);
      if (piece.length > 0) this.#keep(into, field.key, piece);
      return;
    }
    this.#mustBe(wire, tag);
    this.#keep(into, field.key, this.#gather(tag));
  }

  /** Copies the values of consecutive fields with the same tag; two passes, so that nothing is allocated beyond what is there. */
  #gather(tag: number): Uint8Array {
    const reader = this.#reader;
    const first = reader.pos;
    let total = 0;
    const walk = (use: (from: number, to: number) => void): number => {
      for (;;) {
        const from = reader.pos;
        reader.skip(tag, 0, 0);
        use(from, reader.pos);
        const next = reader.pos;
        if (reader.done || reader.tag() !== tag) return next;
      }
    };
    const after = walk((from, to) => (total += to - from));
    const out = new Uint8Array(total);
    let used = 0;
    reader.pos = first;
    walk((from, to) => {
      out.set(reader.slice(from, to), used);
      used += to - from;
    });
    reader.pos = after;
    return out;
  }

  #scalar(type: ScalarType): Scalar {
    const reader = this.#reader;
    switch (type) {
      case "int32": return reader.int32();
      case "int64": return reader.int64();
      case "float": return reader.float();
      case "name": return this.#text(this.#limits.nameBytes);
      case "text": return this.#text(Infinity);
      case "blob": return reader.part();
      case "bytes": return reader.view();
    }
  }

  #text(limit: number): string {
    const reader = this.#reader;
    const { place } = reader;
    const view = reader.view();
    if (view.length > limit) throw codecErrors.ONNX_LIMIT_NAME({ ...place, limit, received: view.length });
    this.#textBytes += view.length;
    const { textBytes } = this.#limits;
    if (this.#textBytes > textBytes) throw codecErrors.ONNX_LIMIT_TEXT({ ...place, limit: textBytes });
    const text = decodeUtf8(view);
    if (text === undefined) throw codecErrors.ONNX_UTF8(place);
    return text;
  }

  /** Setting one field of a oneof clears the others. */
  #choose(field: FieldInfo, into: Message): void {
    for (const key of field.excludes) delete into[key];
  }

  #keepUnknown(into: Message, from: number, to: number): void {
    this.#keep(into, "unknown", this.#reader.slice(from, to));
  }

  /** Pieces are objects like messages and count as such. */
  #keep(into: Message, key: string, piece: Uint8Array): void {
    const { messages } = this.#limits;
    if (++this.#messages > messages) throw codecErrors.ONNX_LIMIT_MESSAGES({ ...this.#reader.place, limit: messages });
    push(into, key, piece);
  }

  #countElements(count: number): void {
    const { elements } = this.#limits;
    this.#elements += count;
    if (this.#elements > elements) throw codecErrors.ONNX_LIMIT_ELEMENTS({ ...this.#reader.place, limit: elements });
  }

  #mustBe(expected: WireType, tag: number): void {
    if (tag % 8 !== expected) throw codecErrors.ONNX_WIRE_TYPE({ ...this.#reader.place, expected, received: tag % 8 });
  }
}

function push(into: Message, key: string, value: unknown): void {
  const list = into[key] as unknown[] | undefined;
  if (list === undefined) into[key] = [value];
  else list.push(value);
}
