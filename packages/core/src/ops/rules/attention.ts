/** Shape and cost rules of attention (ai.onnx 23). */
import type { Dim, Shape } from "../../ir/type.ts";
import { addDims, divDims, mulDims } from "../dim.ts";
import type { Cost, CostContext, InferContext } from "../op.ts";

interface Heads {
  readonly batch: Dim;
  readonly heads: Dim;
  readonly length: Dim;
  readonly size: Dim;
}

/** [batch, heads, length, size], or [batch, length, heads * size] with the head count as attribute. */
function headsOf(c: InferContext, input: number, attribute: string): Heads | undefined {
  const shape = c.shape(input);
  if (!shape) return undefined;
  if (shape.length === 4) return { batch: shape[0]!, heads: shape[1]!, length: shape[2]!, size: shape[3]! };
  if (shape.length !== 3) c.fail(`expects queries, keys and values of rank 3 or 4, but [${shape.join(",")}] came`);
  const heads = c.node.int(attribute) ?? c.fail(`expects ${attribute} with inputs of rank 3`);
  return { batch: shape[0]!, heads, length: shape[1]!, size: divDims(shape[2]!, heads) };
}

export const inferAttention = (c: InferContext): void => {
  const q = headsOf(c, 0, "q_num_heads");
  const k = headsOf(c, 1, "kv_num_heads");
  const v = headsOf(c, 2, "kv_num_heads");
  const past = c.has(4) ? c.shape(4)?.[2] ?? null : 0;
  const total = addDims(past, k?.length ?? null);
  const flat = c.rank(0) === 3;
  if (q) c.set(0, c.dtype(0), flat ? [q.batch, q.length, mulDims(q.heads, v?.size ?? null)] : [q.batch, q.heads, q.length, v?.size ?? null]);
  if (k && c.outputCount > 1) c.set(1, c.dtype(1), [k.batch, k.heads, total, k.size]);
  if (v && c.outputCount > 2) c.set(2, c.dtype(2), [v.batch, v.heads, addDims(past, v.length), v.size]);
  if (q && c.outputCount > 3) c.set(3, c.dtype(0), [q.batch, q.heads, q.length, total]);
};

/** Scores and weighted sums: for every query and key of every head, size(K) + size(V) products; softmax counts 5 per score. */
export const attentionCost = (c: CostContext): Cost => {
  const [q = [], k = [], v = []] = [c.shape(0), c.shape(1), c.shape(2)];
  const past = c.node.input(4) ? c.shape(4)?.[2] ?? 0 : 0;
  const heads = q.length === 4 ? q[1]! : c.node.int("q_num_heads", 1);
  const groups = k.length === 4 ? k[1]! : c.node.int("kv_num_heads", heads);
  const lengthOf = (s: readonly number[]): number => s.at(-2) ?? 0;
  const sizeOf = (s: readonly number[], n: number): number => (s.length === 4 ? s[3]! : (s[2] ?? 0) / n);
  const scores = (q[0] ?? 0) * heads * lengthOf(q) * (past + lengthOf(k));
  return { macs: scores * (sizeOf(q, heads) + sizeOf(v, groups)), elementOps: 5 * scores };
};

/** FlexAttention (preview): Q [B, H, L, E], K and V [B, Hkv, S, ...]. */
export const inferFlexAttention = (c: InferContext): void => {
  const [q, v] = [c.shape(0), c.shape(2)];
  if (q) c.set(0, c.dtype(0), [...q.slice(0, -1), v?.at(-1) ?? null] satisfies Shape);
};
