/** Types of the plain protobuf messages, derived from the field table, and the table in the form that the codec walks. */
import { messages, type Field, type PackedType, type ScalarType } from "./fields.ts";
import type { Part } from "./writer.ts";

type Messages = typeof messages;
export type MessageName = keyof Messages;

interface ScalarValues {
  int32: number;
  /** A number when it is a safe integer, else a bigint. */
  int64: number | bigint;
  float: number;
  name: string;
  text: string;
  bytes: Uint8Array;
  blob: Part;
}

type Single<T> = T extends ScalarType ? ScalarValues[T]
  : T extends PackedType ? readonly Uint8Array[]
  : T extends MessageName ? Proto<T>
  : never;

type FieldValue<F> = F extends Field<infer T, infer M> ? (M extends true ? readonly Single<T>[] : Single<T>) : never;

/** A message as a plain object. Absent fields are absent or undefined; empty lists may be either. */
export type Proto<N extends MessageName> = { readonly [K in keyof Messages[N]]?: FieldValue<Messages[N][K]> | undefined } & {
  /** Fields that the table does not know, as encoded, in order. */
  readonly unknown?: readonly Uint8Array[] | undefined;
};

export type ModelProto = Proto<"ModelProto">;
export type GraphProto = Proto<"GraphProto">;
export type NodeProto = Proto<"NodeProto">;
export type AttributeProto = Proto<"AttributeProto">;
export type TensorProto = Proto<"TensorProto">;
export type SparseTensorProto = Proto<"SparseTensorProto">;
export type ValueInfoProto = Proto<"ValueInfoProto">;
export type TypeProto = Proto<"TypeProto">;
export type TensorShapeProto = Proto<"TensorShapeProto">;
export type FunctionProto = Proto<"FunctionProto">;
export type EntryProto = Proto<"StringStringEntryProto">;

/** One row of the table, ready for the codec. */
export interface FieldInfo {
  readonly number: number;
  readonly key: string;
  /** "NodeProto.name". */
  readonly where: string;
  readonly many: boolean;
  readonly type: ScalarType | PackedType | "message";
  readonly message: MessageInfo | undefined;
  /** Keys that setting this one clears. */
  readonly excludes: readonly string[];
}

export interface MessageInfo {
  readonly name: MessageName;
  /** Indexed by field number. */
  readonly byNumber: readonly (FieldInfo | undefined)[];
  readonly byKey: ReadonlyMap<string, FieldInfo>;
  /** Ascending by field number, the order in which they are written. */
  readonly fields: readonly FieldInfo[];
}

export const schema: Readonly<Record<MessageName, MessageInfo>> = compile();

function compile(): Record<MessageName, MessageInfo> {
  const made = {} as Record<MessageName, { name: MessageName; byNumber: FieldInfo[]; byKey: Map<string, FieldInfo>; fields: FieldInfo[] }>;
  const names = Object.keys(messages) as MessageName[];
  for (const name of names) made[name] = { name, byNumber: [], byKey: new Map(), fields: [] };
  for (const name of names) {
    const rows = Object.entries<Field>(messages[name]);
    for (const [key, row] of rows) {
      const nested = Object.hasOwn(made, row.type) ? made[row.type as MessageName] : undefined;
      const excludes = rows.filter(([k, r]) => k !== key && row.oneof !== undefined && r.oneof === row.oneof).map(([k]) => k);
      const type = nested === undefined ? (row.type as ScalarType | PackedType) : "message";
      const info: FieldInfo = { number: row.number, key, where: `${name}.${key}`, many: row.many, type, message: nested, excludes };
      made[name].byNumber[row.number] = info;
      made[name].byKey.set(key, info);
      made[name].fields.push(info);
    }
    made[name].fields.sort((a, b) => a.number - b.number);
  }
  return made;
}
