/** Evaluation of elementwise operators with NumPy broadcasting. */
import type { DType } from "../../dtype.ts";
import type { Node } from "../../ir/node.ts";
import { elementCount, Tensor } from "../../tensor.ts";
import type { OpDef } from "../op.ts";
import { arithmeticOf, isReal, tensorOf, valuesOf, type BinaryName, type Scalar, type UnaryName } from "./arithmetic.ts";
import { broadcastStrides, MAX_ELEMENTS, strided, viewIndices } from "./strided.ts";

export type Evaluate = NonNullable<OpDef["evaluate"]>;

/** Shape of the broadcast of static shapes, or undefined when they do not fit together or the result is too large to make. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] | undefined {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out = Array.from({ length: rank }, (): number => 1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const axis = rank - shape.length + i;
      const d = shape[i]!;
      if (d === 1) continue;
      if (out[axis] !== 1 && out[axis] !== d) return undefined;
      out[axis] = d;
    }
  }
  return elementCount(out) <= MAX_ELEMENTS ? out : undefined;
}

/** Calls `f` for every element of the broadcast of all inputs; undefined as soon as one result is. */
export function mapBroadcast<T>(inputs: readonly Tensor[], f: (values: readonly Scalar[]) => T | undefined): { dims: number[]; values: T[] } | undefined {
  const dims = broadcastShape(...inputs.map((t) => t.dims));
  if (!dims) return undefined;
  const sources = inputs.map((t) => ({ values: valuesOf(t), at: viewIndices(dims, broadcastStrides(t.dims, dims)) }));
  const count = elementCount(dims);
  const values: T[] = [];
  const row: Scalar[] = [];
  for (let i = 0; i < count; i++) {
    sources.forEach((source, s) => { row[s] = source.values[source.at[i]!]!; });
    const value = f(row);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return { dims, values };
}

const oneType = (all: readonly Tensor[]): boolean => all.every((t) => t.dtype === all[0]!.dtype);

/** All inputs, when each is there and numeric. */
const numeric = (inputs: readonly (Tensor | undefined)[]): readonly Tensor[] | undefined => (inputs.length > 0 && inputs.every(isReal) ? inputs : undefined);

function result(dtype: DType, made: { dims: number[]; values: Scalar[] } | undefined): Tensor[] | undefined {
  return made && [tensorOf(dtype, made.dims, made.values)];
}

/** Add, Sub, Mul, Div, Pow, Mod: `pick` may choose the operation by attributes. */
export const binary = (name: BinaryName | ((node: Node) => BinaryName)): Evaluate => (node, inputs) => {
  const all = numeric(inputs.slice(0, 2));
  const arithmetic = all && arithmeticOf(all[0]!.dtype);
  // Before operator set 7 broadcasting was aligned by attributes.
  if (!all || all.length < 2 || !arithmetic || node.attributes.has("broadcast")) return undefined;
  const op = typeof name === "string" ? name : name(node);
  // Pow alone mixes types; a power that is not whole has no exact value.
  if (!oneType(all) && (op !== "pow" || !all[1]!.toFloat64().every(Number.isInteger))) return undefined;
  return result(all[0]!.dtype, mapBroadcast(all, ([a, b]) => arithmetic.binary(op, a!, b!)));
};

/** Min, Max, Sum of any number of inputs; more than two float summands depend on the order and are left alone. */
export const variadic = (name: BinaryName): Evaluate => (_, inputs) => {
  const all = numeric(inputs);
  const arithmetic = all && arithmeticOf(all[0]!.dtype);
  if (!all || !arithmetic || !oneType(all) || (name === "add" && all.length > 2)) return undefined;
  return result(all[0]!.dtype, mapBroadcast(all, (row) => row.reduce<Scalar | undefined>((acc, v, i) => (i === 0 ? v : acc === undefined ? undefined : arithmetic.binary(name, acc, v)), undefined)));
};

export const unary = (op: UnaryName): Evaluate => (_, inputs) => {
  const all = numeric(inputs);
  const arithmetic = all && arithmeticOf(all[0]!.dtype);
  if (!all || !arithmetic) return undefined;
  return result(all[0]!.dtype, mapBroadcast(all, ([a]) => arithmetic.unary(op, a!)));
};

/** Comparisons; strings compare for equality only. */
export const compare = (holds: (a: Scalar, b: Scalar) => boolean): Evaluate => (node, inputs) => {
  if (node.attributes.has("broadcast")) return undefined;
  const pair = inputs.slice(0, 2);
  if (pair.length === 2 && pair.every((t) => t?.dtype === "string")) return equalStrings(pair as readonly Tensor[], holds);
  const all = numeric(pair);
  return all && result("bool", mapBroadcast(all, ([a, b]) => (holds(a!, b!) ? 1 : 0)));
};

function equalStrings([a, b]: readonly Tensor[], holds: (a: Scalar, b: Scalar) => boolean): Tensor[] | undefined {
  const dims = broadcastShape(a!.dims, b!.dims);
  if (!dims) return undefined;
  const [x, y] = [a!, b!].map((t) => strided(t, dims, broadcastStrides(t.dims, dims)).strings());
  return [Tensor.from("bool", dims, x!.map((v, i) => (holds(v === y![i] ? 0 : 1, 0) ? 1 : 0)))];
}

/** And, Or, Xor on bool. */
export const logical = (holds: (a: boolean, b: boolean) => boolean): Evaluate => (node, inputs) => {
  const all = numeric(inputs.slice(0, 2));
  if (!all || all.length < 2 || node.attributes.has("broadcast")) return undefined;
  return result("bool", mapBroadcast(all, ([a, b]) => (holds(a !== 0, b !== 0) ? 1 : 0)));
};

export const not: Evaluate = (_, inputs) => {
  const all = numeric(inputs);
  return all && result("bool", mapBroadcast(all, ([a]) => (a === 0 ? 1 : 0)));
};

/** Bitwise operators on integers, through 64-bit two's complement. */
export const bitwise = (f: (a: bigint, b: bigint) => bigint): Evaluate => (_, inputs) => {
  const all = numeric(inputs);
  const arithmetic = all && arithmeticOf(all[0]!.dtype);
  if (!all || !arithmetic || !oneType(all) || all[0]!.dtype.startsWith("float")) return undefined;
  const { dtype } = all[0]!;
  const bits = dtype.endsWith("64") ? 64 : Number(/\d+/.exec(dtype)![0]);
  const wrap = dtype.startsWith("u") ? BigInt.asUintN : BigInt.asIntN;
  return result(dtype, mapBroadcast(all, ([a, b]) => {
    const value = wrap(bits, f(BigInt(a!), BigInt(b ?? 0n)));
    return bits === 64 ? value : Number(value);
  }));
};

/** BitShift on unsigned integers; bits that leave are lost, and a shift by the width or more gives 0. */
export const bitShift: Evaluate = (node, inputs, opset) => {
  const left = node.string("direction") === "LEFT";
  return bitwise((a, b) => (b >= 64n ? 0n : left ? a << b : a >> b))(node, inputs, opset);
};

export const where: Evaluate = (_, [condition, x, y]) => {
  if (condition?.dtype !== "bool" || !x || x.dtype !== y?.dtype || x.dtype.startsWith("complex")) return undefined;
  const dims = broadcastShape(condition.dims, x.dims, y.dims);
  if (!dims) return undefined;
  const choose = viewIndices(dims, broadcastStrides(condition.dims, dims));
  const fromX = viewIndices(dims, broadcastStrides(x.dims, dims));
  const fromY = viewIndices(dims, broadcastStrides(y.dims, dims));
  const flags = condition.data();
  return [selectBetween(x, y, Array.from(choose, (c) => flags[c] !== 0), fromX, fromY, dims)];
};

function selectBetween(x: Tensor, y: Tensor, first: readonly boolean[], fromX: Int32Array, fromY: Int32Array, dims: readonly number[]): Tensor {
  if (x.dtype === "string") {
    const [a, b] = [x.strings(), y.strings()];
    return Tensor.fromStrings(dims, first.map((flag, i) => (flag ? a[fromX[i]!]! : b[fromY[i]!]!)));
  }
  const [a, b] = [valuesOf(x), valuesOf(y)];
  return tensorOf(x.dtype, dims, first.map((flag, i) => (flag ? a[fromX[i]!]! : b[fromY[i]!]!)));
}

/** Clip with bounds as attributes (before operator set 11) or inputs. */
export const clip: Evaluate = (node, inputs) => {
  const x = inputs[0];
  const arithmetic = x && arithmeticOf(x.dtype);
  if (!x || !arithmetic || !isReal(x) || x.size > MAX_ELEMENTS) return undefined;
  const bound = (index: number, name: string): Scalar | undefined => {
    const tensor = inputs[index];
    return tensor ? valuesOf(tensor)[0] : node.float(name);
  };
  if (inputs.slice(1, 3).some((t) => t && (t.dtype !== x.dtype || t.size !== 1))) return undefined;
  const [low, high] = [bound(1, "min"), bound(2, "max")];
  const made = mapBroadcast([x], ([v]) => {
    const raised = low === undefined ? v! : arithmetic.binary("max", v!, low);
    return raised === undefined || high === undefined ? raised : arithmetic.binary("min", raised, high);
  });
  return result(x.dtype, made);
};
