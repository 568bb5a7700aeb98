/** Random messages, straight from the field table: whatever the table can say is generated. */
import fc from "fast-check";
import { schema, type FieldInfo, type MessageInfo, type MessageName, type Proto } from "../../src/onnx/proto.ts";

const int64 = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -2, max: 300 }) },
  { weight: 2, arbitrary: fc.maxSafeInteger() },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((v) => (Number.isSafeInteger(Number(v)) ? Number(v) : v)) },
);
const text = fc.oneof(fc.constantFrom("", "x", "weight", "__proto__", "conv1/bias:0"), fc.string({ unit: "binary", maxLength: 40 }));
const bytes = fc.uint8Array({ maxLength: 40 });

const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  int32: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer()),
  int64,
  float: fc.float({ noNaN: true }),
  name: text,
  text,
  bytes,
  blob: bytes,
  packed32: packed((list) => new Uint8Array(Float32Array.from(list).buffer), fc.float({ noNaN: true })),
  packed64: packed((list) => new Uint8Array(Float64Array.from(list).buffer), fc.double({ noNaN: true })),
  packedVarint: packed((list) => Uint8Array.from(list), fc.integer({ min: 0, max: 127 })),
};

function packed(encode: (list: readonly number[]) => Uint8Array, item: fc.Arbitrary<number>): fc.Arbitrary<unknown> {
  return fc.array(item, { minLength: 1, maxLength: 5 }).map((list) => [encode(list)]);
}

/** Enums are closed in the oracle's schema: only defined members survive there. */
const enums: Readonly<Record<string, fc.Arbitrary<number>>> = {
  "AttributeProto.type": fc.integer({ min: 0, max: 14 }),
  "TensorProto.dataLocation": fc.integer({ min: 0, max: 1 }),
};

const memo = new Map<string, fc.Arbitrary<Record<string, unknown>>>();

/** A message of the named kind with at most `depth` levels below it. */
export function anyMessage<N extends MessageName>(name: N, depth = 4): fc.Arbitrary<Proto<N>> {
  return message(schema[name], depth) as fc.Arbitrary<Proto<N>>;
}

function message(info: MessageInfo, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const key = `${info.name} ${depth}`;
  const known = memo.get(key);
  if (known) return known;
  const fields = info.fields.filter((field) => field.message === undefined || depth > 0);
  if (fields.length === 0) return fc.constant({});
  const made = fc.array(fc.oneof(...fields.map((field) => entry(field, depth))), { maxLength: 8 }).map(assemble);
  memo.set(key, made);
  return made;
}

const entry = (field: FieldInfo, depth: number): fc.Arbitrary<readonly [FieldInfo, unknown]> => value(field, depth).map((v) => [field, v] as const);

function value(field: FieldInfo, depth: number): fc.Arbitrary<unknown> {
  const item = field.message ? message(field.message, depth - 1) : (enums[field.where] ?? scalars[field.type]!);
  return field.many ? fc.array(item, { minLength: 1, maxLength: 3 }) : item;
}

/** Later entries win, and clear their rivals in a oneof. `Opaque` is left out: the oracle's schema lacks it. */
function assemble(entries: readonly (readonly [FieldInfo, unknown])[]): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [field, v] of entries) {
    if (field.key === "opaqueType") continue;
    for (const rival of field.excludes) delete out[rival];
    out[field.key] = v;
  }
  return out;
}
