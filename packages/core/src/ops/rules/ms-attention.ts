/** Shape rules of com.microsoft's attention operators. Data is [batch, sequence, hidden] unless said otherwise. */
import { dtypeFromId } from "../../dtype.ts";
import type { Dim, Shape } from "../../ir/type.ts";
import { addDims, divDims, maxDims, mulDims } from "../dim.ts";
import type { Cost, CostContext, InferContext } from "../op.ts";

type Infer = (c: InferContext) => void;

const lastOr = (shape: Shape | undefined): Dim => shape?.at(-1) ?? null;

/** Attention and its quantized form: weights [input, 3 * hidden] or sizes of q, k, v by attribute; present [2, batch, heads, total, size]. */
export const inferFusedAttention = (bias: number, past: number): Infer => (c) => {
  const x = c.shape(0);
  const sizes = c.node.ints("qkv_hidden_sizes");
  const hidden = sizes ? sizes[2]! : divDims(c.shape(bias)?.[0] ?? lastOr(c.shape(1)), 3);
  const dtype = c.dtype(bias) ?? c.dtype(0);
  c.set(0, dtype, x && [...x.slice(0, -1), hidden]);
  if (c.outputCount < 2) return;
  const heads = c.node.int("num_heads", 1);
  const before = c.has(past) ? c.shape(past)?.[3] ?? null : 0;
  const total = c.node.int("past_present_share_buffer", 0) !== 0 ? before : addDims(before, x?.[1] ?? null);
  c.set(1, dtype, [2, x?.[0] ?? null, heads, total, divDims(hidden, heads)]);
};

interface KeyValue {
  /** Positions of the inputs. */
  readonly key: number;
  readonly value: number;
  readonly pastKey: number;
  readonly pastValue: number;
}

/** MultiHeadAttention: keys may be packed with queries [B, S, heads, 3, size], or come as [B, heads, S, size] from a cache. */
export const inferMultiHead = ({ key, value, pastKey, pastValue }: KeyValue): Infer => (c) => {
  const q = c.shape(0);
  const heads = c.node.int("num_heads", 1);
  const packed = q?.length === 5;
  const v = c.shape(value);
  const hidden: Dim = packed ? mulDims(heads, q[4]!) : v?.length === 4 ? mulDims(v[1]!, v[3]!) : v ? lastOr(v) : lastOr(q);
  const y = q && [q[0]!, q[1]!, hidden];
  c.set(0, c.dtype(0), y);
  if (c.outputCount < 2) return;
  const k = c.shape(key);
  const own: Dim = k?.length === 4 ? k[2]! : k?.length === 3 ? k[1]! : q?.[1] ?? null;
  const shared = c.node.int("past_present_share_buffer", 0) !== 0;
  const total = c.has(pastKey) ? (shared ? c.shape(pastKey)?.[2] ?? null : addDims(c.shape(pastKey)?.[2] ?? null, own)) : own;
  const size = divDims(packed ? hidden : k?.length === 4 ? mulDims(k[1]!, k[3]!) : k ? lastOr(k) : lastOr(q), heads);
  c.set(1, c.dtype(0), [q?.[0] ?? null, heads, total, c.shape(pastKey)?.[3] ?? size]);
  if (c.outputCount > 2) c.set(2, c.dtype(0), [q?.[0] ?? null, heads, total, c.shape(pastValue)?.[3] ?? divDims(hidden, heads)]);
  if (c.outputCount > 3) c.set(3, c.dtype(0), [q?.[0] ?? null, heads, q?.[1] ?? null, total]);
};

/** GroupQueryAttention: `kv_num_heads` heads in the cache, whose length is what the runtime says as total (or the buffer's). */
export const inferGroupQuery = (total: number): Infer => (c) => {
  const [q, k, past] = [c.shape(0), c.shape(1), c.shape(3)];
  const [heads, groups] = [c.node.int("num_heads", 1), c.node.int("kv_num_heads", 1)];
  const packed = !c.has(1);
  const size = packed ? divDims(lastOr(q), heads + 2 * groups) : divDims(lastOr(q), heads);
  c.set(0, c.dtype(0), q && [...q.slice(0, -1), packed ? mulDims(size, heads) : lastOr(q)]);
  if (c.outputCount < 2) return;
  const own = k?.[1] ?? q?.[1] ?? null;
  const known = c.dims(total)?.[0];
  const sum = c.has(3) ? addDims(past?.[2] ?? null, own) : own;
  const length = known !== undefined && known !== null ? (past?.[2] !== undefined ? maxDims(past[2]!, known) : known) : sum;
  const cacheType = c.dtype(3) ?? c.dtype(0);
  const lastSize = past?.[3] ?? size;
  for (const i of [1, 2]) c.set(i, cacheType, [q?.[0] ?? null, groups, length, lastSize]);
  if (c.outputCount > 3) c.set(3, c.dtype(0), [q?.[0] ?? null, heads, q?.[1] ?? null, length]);
};

/** Output like the query, caches like the caches that come in. */
export const likeInputs = (...inputs: readonly number[]): Infer => (c) => inputs.forEach((input, output) => {
  if (output < c.outputCount && input >= 0) c.set(output, c.dtype(input), c.shape(input));
});

/** DecoderAttention: query [sequence, batch, hidden]; caches [batch, heads, length, size] whose length depends on flags. */
export const inferDecoderAttention: Infer = (c) => {
  const q = c.shape(0);
  c.set(0, c.dtype(0), q);
  const heads = c.node.int("num_heads", 1);
  for (let i = 1; i < Math.min(c.outputCount, 3); i++) c.set(i, c.dtype(0), [q?.[1] ?? null, heads, null, divDims(lastOr(q), heads)]);
};

/** Packed tokens [tokens, hidden]: the hidden size of the values. */
export const inferPackedAttention = (value: number): Infer => (c) => {
  const [q, v] = [c.shape(0), c.shape(value)];
  const sizes = c.node.ints("qkv_hidden_sizes");
  const fromBias = value === 2 && v?.length === 1 ? divDims(v[0]!, 3) : undefined;
  c.set(0, c.dtype(0), q && [q[0]!, sizes?.[2] ?? fromBias ?? (v ? lastOr(v) : mulDims(q[1] ?? null, q[3] ?? 1))]);
};

/** LinearAttention: state [batch, kv heads, size of k, size of v]. */
export const inferLinearAttention: Infer = (c) => {
  const [q, k, v] = [c.shape(0), c.shape(1), c.shape(2)];
  const [heads, groups] = [c.node.int("q_num_heads", 1), c.node.int("kv_num_heads", 1)];
  const size = divDims(lastOr(v), groups);
  c.set(0, c.dtype(0), q && [...q.slice(0, -1), mulDims(size, Math.max(heads, groups))]);
  if (c.outputCount > 1) c.set(1, c.dtype(3) ?? undefined, c.shape(3) ?? [q?.[0] ?? null, groups, divDims(lastOr(k), groups), size]);
};

/** RelativePositionBias: [1, heads, query length, key length] from a table [buckets, heads]. */
export const inferRelativePositionBias: Infer = (c) =>
  c.set(0, c.dtype(0), [1, c.shape(0)?.[1] ?? null, c.dims(1)?.[0] ?? null, c.dims(2)?.[0] ?? null]);

/** GatedRelativePositionBias: [batch, heads, sequence, sequence] from queries [batch, sequence, hidden]. */
export const inferGatedPositionBias: Infer = (c) => {
  const [q, relative] = [c.shape(0), c.shape(2)];
  c.set(0, c.dtype(0), [c.has(6) ? c.shape(6)?.[0] ?? null : q?.[0] ?? null, c.node.int("num_heads", 1), relative?.[2] ?? null, relative?.[3] ?? null]);
};

/** RemovePadding: [batch, sequence, hidden] to the tokens that count. */
export const inferRemovePadding: Infer = (c) => {
  const x = c.shape(0);
  c.set(0, c.dtype(0), [c.symbol("tokens"), lastOr(x)]);
  c.set(1, "int32", x && [x[0]!, x[1]!]);
  c.set(2, "int32", [addDims(x?.[0] ?? null, 1)]);
  c.set(3, "int32", [1]);
};

export const inferRestorePadding: Infer = (c) => {
  const offsets = c.shape(1);
  c.set(0, c.dtype(0), offsets && [...offsets, lastOr(c.shape(0))]);
};

/** GemmFloat8 and others that name their output type as `dtype`. */
export const namedDtype = (c: InferContext): ReturnType<typeof dtypeFromId> => dtypeFromId(c.node.int("dtype", 1));

const count = (shape: readonly number[] | undefined): number => (shape ?? []).reduce((product, d) => product * d, 1);

/** Projections of Attention: input * 3 hidden products per token, and attention among all tokens. */
export const fusedAttentionCost = (c: CostContext): Cost => {
  const [x = [], w = [], y = []] = [c.shape(0), c.shape(1), c.outShape(0)];
  const tokens = count(x.slice(0, -1));
  const total = c.outShape(1)?.[3] ?? x[1] ?? 0;
  return { macs: tokens * count(w) + 2 * tokens * total * (y.at(-1) ?? 0), elementOps: 5 * tokens * total * c.node.int("num_heads", 1) };
};

/** Scores and weighted sums over the keys in `present`, or the keys that came. */
export const multiHeadCost = (c: CostContext): Cost => {
  const [q = [], k, y = []] = [c.shape(0), c.shape(1), c.outShape(0)];
  const tokens = (q[0] ?? 0) * (q[1] ?? 0);
  const total = c.outShape(1)?.[2] ?? (k?.length === 4 ? k[2]! : k?.[1] ?? q[1] ?? 0);
  return { macs: 2 * tokens * total * (y.at(-1) ?? 0), elementOps: 5 * tokens * total * c.node.int("num_heads", 1) };
};
