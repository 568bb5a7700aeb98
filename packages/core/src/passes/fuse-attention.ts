import { attr } from "../ir/attribute.ts";
import type { Value } from "../ir/value.ts";
import { constantScalar } from "./constants.ts";
import { replaceMatch } from "./fuse.ts";
import { any, either, matchWhole, op, opWith, type Captures, type Pattern } from "./match.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite } from "./scope.ts";

/** A constant factor or divisor, captured under `name`. */
const number = (name: string): Pattern => (value, state, next) => constantScalar(value) !== undefined && any(name)(value, state, next);
const maybeTimes = (of: Pattern, name: string): Pattern => either(op("Mul", of, number(name)), of);

const keys = opWith("Transpose", { as: "transpose" }, any("k"));
const scores = op("MatMul", maybeTimes(any("q"), "queryScale"), maybeTimes(keys, "keyScale"));
const scaled = either(op("Mul", scores, number("factor")), op("Div", scores, number("divisor")), scores);
const masked = either(op("Add", scaled, any("mask")), scaled);
/** softmax(q k^T * scale + mask) v. Vaswani et al. 2017. */
const attention = op("MatMul", opWith("Softmax", { as: "softmax" }, masked), any("v"));

const recognise: Rewrite = (site) => {
  if (site.opset < 23 || !site.node.is("MatMul")) return false;
  const found = matchWhole(attention, site.node.out);
  if (!found || !isHeads(found)) return false;
  const { q, k, v, mask } = found.values;
  const perm = swapLast(found.named["transpose"]!.ints("perm")!);
  const keyType = found.named["transpose"]!.out.type;
  const key = perm.every((axis, i) => axis === i) ? k! : site.emit("Transpose", [k!], { perm: attr.ints(perm) }, keyType?.kind === "tensor" && keyType.shape ? { ...keyType, shape: swapLast(keyType.shape) } : undefined);
  replaceMatch(site, found, "Attention", mask ? [q!, key, v!, mask] : [q!, key, v!], { scale: attr.float(scaleOf(found)) });
  return true;
};

const swapLast = <T>(list: readonly T[]): T[] => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];

function scaleOf({ values }: Captures): number {
  const at = (name: string): number => (values[name] ? constantScalar(values[name])! : 1);
  return Math.fround((at("queryScale") * at("keyScale") * at("factor")) / at("divisor"));
}

/** All are [batch, heads, sequence, size] with the same heads, softmax runs over the keys, and a mask fits without being padded. */
function isHeads({ values, named }: Captures): boolean {
  const { q, k, v, mask } = values;
  const softmax = named["softmax"]!;
  const keyShape = named["transpose"]!.out.shape;
  if (q?.dtype !== "float32" || k?.dtype !== "float32" || v?.dtype !== "float32") return false;
  if (q.rank !== 4 || v.rank !== 4 || keyShape?.length !== 4 || !named["transpose"]!.ints("perm")) return false;
  if (![-1, 3].includes(softmax.int("axis", -1))) return false;
  const heads = q.shape![1];
  if (typeof heads !== "number" || keyShape[1] !== heads || v.shape![1] !== heads) return false;
  return !mask || maskFits(mask, q, keyShape[3] ?? null);
}

function maskFits(mask: Value, q: Value, keysLength: number | string | null): boolean {
  const { shape } = mask;
  if (!shape || (shape.length !== 2 && shape.length !== 4) || mask.dtype !== "float32" || keysLength === null) return false;
  return shape.at(-1) === keysLength && shape.at(-2) === q.shape![2];
}

/** Not in the default list: engines without the operator, or with other limits on it, are many. */
export const fuseAttention: Pass = nodePass("fuse-attention", "Recognises scaled dot-product attention over heads as the operator Attention (opset 23 on).", recognise);
