/** Types, tensors and attributes as the printer writes them. */
import { attr, dtypes, elementCount, isDType, Tensor, tensorType, type Attribute, type Dim, type DType, type ValueType } from "@lathe/core";
import type { Cursor } from "./tokens.ts";

/** "float32[N,3,?]", "float32[...]", "sequence(float32[...])", "?". */
export function parseType(c: Cursor): ValueType | undefined {
  const name = c.word("a type");
  if (name === "?") {
    if (!c.take("[")) return undefined;
    return tensorType(undefined, parseDims(c));
  }
  if (name === "sequence" || name === "optional") {
    c.expect("(");
    const element = parseType(c);
    c.expect(")");
    return { kind: name, element };
  }
  if (!isDType(name)) return c.fail(`an element type instead of "${name}"`);
  c.expect("[");
  return tensorType(name, parseDims(c));
}

/** The opening bracket has been taken. */
function parseDims(c: Cursor): Dim[] | undefined {
  if (c.take("...")) {
    c.expect("]");
    return undefined;
  }
  return c.list("]", () => {
    const size = c.expression();
    return size === "?" ? null : /^\d+$/.test(size) ? Number(size) : size;
  });
}

/** A bigint when written without a point: "1.0" stays apart from "1". */
type Scalar = number | bigint | string;

function scalar(c: Cursor): Scalar {
  const token = c.next();
  if (token.kind === "string") return JSON.parse(token.text) as string;
  if (token.kind === "word" && /^-?\d+$/.test(token.text)) return BigInt(token.text);
  const number = Number(token.text);
  return token.kind === "word" && (token.text === "NaN" || !Number.isNaN(number)) ? number : c.fail(`a value instead of "${token.text}"`);
}

/** Elements after the type: one for a scalar, else a flat list. All must be there. */
export function parseTensor(c: Cursor, type: ValueType | undefined): Tensor {
  if (type?.kind !== "tensor" || !type.dtype || !type.shape?.every((d) => typeof d === "number")) return c.fail("a tensor type of known shape before the content");
  const dims = type.shape as readonly number[];
  const values = dims.length === 0 ? [scalar(c)] : (c.expect("["), c.list("]", () => (c.peek().text === "..." ? c.fail("all elements") : scalar(c))));
  if (values.length !== elementCount(dims)) return c.fail(`${elementCount(dims)} elements instead of ${values.length} before`);
  return tensorOf(type.dtype, dims, values);
}

function tensorOf(dtype: DType, dims: readonly number[], values: readonly Scalar[]): Tensor {
  if (dtype === "string") return Tensor.fromStrings(dims, values.map(String));
  if (dtype === "int64" || dtype === "uint64") return Tensor.from(dtype, dims, values.map((v) => BigInt(v)));
  return Tensor.from(dtype, dims, dtypes[dtype].kind === "complex" ? [] : values.map(Number));
}

/** "1" is an int, "1.0" a float; lists take the kind of their elements, and an empty list is one of ints. */
export function parseAttribute(c: Cursor): Attribute {
  if (c.peek().kind === "word" && isDType(c.peek().text)) return attr.tensor(parseTensor(c, parseType(c)));
  if (!c.take("[")) {
    const value = scalar(c);
    return typeof value === "string" ? attr.string(value) : typeof value === "bigint" ? attr.int(value) : attr.float(value);
  }
  const values = c.list("]", () => scalar(c));
  if (values.some((v) => typeof v === "string")) return attr.strings(values.map(String));
  if (values.some((v) => typeof v === "number")) return attr.floats(values.map(Number));
  return attr.ints(values as bigint[]);
}
