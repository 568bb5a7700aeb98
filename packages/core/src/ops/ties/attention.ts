/**
 * Attention of ai.onnx (operator set 23): heads and head columns. With rank-4 inputs they are axes of their own; with rank-3 inputs the
 * last axis is their product and the head counts are attributes. Key/value heads serve `q_heads / kv_heads` query heads each, so a
 * key/value head goes with all its query heads.
 */
import { attr } from "../../ir/attribute.ts";
import type { Axis, TieContext } from "../tie.ts";
import { equalDim, input, isNumber, output, rule, type RuleBuilder, type Ties } from "./build.ts";
import { setInt } from "./resize.ts";

export const attentionTies: Ties = (c) => {
  const [q, k, v] = [c.shape(0), c.shape(1), c.shape(2)];
  if (!q || !k || !v || q.length !== k.length || k.length !== v.length) return undefined;
  const mask = c.shape(3);
  // A mask with a head axis would have to be cut as well; caches and the optional outputs hold everything.
  if ([4, 5, 6].some((i) => c.node.input(i)) || c.node.outputs.some((o, i) => i > 0 && o)) return { ties: [], held: "key and value caches are held" };
  if (mask && mask.length === 4 && mask[1] !== 1) return { ties: [], held: "the mask differs by head" };
  return q.length === 4 ? split(c, q, k, v) : fused(c, q, k, v);
};

type Shapes = readonly (number | string | null)[];

/** The default scale is 1 / sqrt(head columns): written out before the columns become fewer, so that the rest stays as it was. */
function keepScale(r: RuleBuilder, axis: Axis, columns: number): void {
  r.resize(axis, (node) => {
    if (!node.attributes.has("scale")) node.setAttribute("scale", attr.float(Math.fround(1 / Math.sqrt(columns))));
  });
}

function split(c: TieContext, q: Shapes, k: Shapes, v: Shapes): ReturnType<Ties> {
  const r = rule().tie(input(0, 3), input(1, 3), { spans: "sum" }).tie(input(2, 3), output(0, 3)).tie(input(0, 2), output(0, 2));
  if (equalDim(q[0], k[0])) r.same([input(0, 0), input(1, 0), input(2, 0), output(0, 0)]);
  const [heads, shared] = [q[1], k[1]];
  if (isNumber(q[3])) keepScale(r, input(0, 3), q[3]);
  if (!isNumber(heads) || !isNumber(shared) || v[1] !== shared || heads % shared !== 0) return r.done();
  const inner = heads / shared;
  return r.tie(input(1, 1), input(2, 1)).tie(input(1, 1), input(0, 1), { inner }).tie(input(0, 1), output(0, 1)).done();
}

function fused(c: TieContext, q: Shapes, k: Shapes, v: Shapes): ReturnType<Ties> {
  const [heads, shared] = [c.node.int("q_num_heads"), c.node.int("kv_num_heads")];
  const [widthQ, widthV] = [q[2], v[2]];
  if (!heads || !shared || !isNumber(widthQ) || !isNumber(widthV) || !isNumber(k[2]) || heads % shared !== 0) return undefined;
  const r = rule().tie(input(0, 1), output(0, 1));
  const kvHeads = r.addFactor(shared);
  const qHeads = r.addFactor(heads);
  const [columns, valueColumns] = [widthQ / heads, widthV / shared];
  const [column, valueColumn] = [r.addFactor(columns), r.addFactor(valueColumns)];
  r.tie(kvHeads, qHeads, { inner: heads / shared });
  const product = (head: Axis, count: number, part: Axis, size: number, axis: Axis, sum: boolean): void => {
    r.tie(head, axis, { inner: size, factor: true }).tie(part, axis, { outer: count, factor: true, ...(sum ? { spans: "sum" as const } : {}) });
  };
  product(qHeads, heads, column, columns, input(0, 2), true);
  product(kvHeads, shared, column, columns, input(1, 2), true);
  product(kvHeads, shared, valueColumn, valueColumns, input(2, 2), false);
  product(qHeads, heads, valueColumn, valueColumns, output(0, 2), false);
  keepScale(r, column, columns);
  return r.resize(qHeads, setInt("q_num_heads")).resize(kvHeads, setInt("kv_num_heads")).done();
}

/**
 * RotaryEmbedding turns pairs of columns, so columns are held. Heads are an axis of a rank-4 input; of a rank-3 input whole heads
 * go and `num_heads` is rewritten. The rotation is the same for all heads.
 */
export const rotaryTies: Ties = (c) => {
  const x = c.shape(0);
  const heads = c.node.int("num_heads", 0);
  if (x?.length === 4) return rule().same([input(0, 1), output(0, 1)]).done("columns turn in pairs");
  if (x?.length !== 3 || heads === 0 || !isNumber(x[2]) || x[2] % heads !== 0) return undefined;
  const r = rule();
  const head = r.addFactor(heads);
  for (const axis of [input(0, 2), output(0, 2)]) r.tie(head, axis, { inner: x[2] / heads });
  return r.resize(head, setInt("num_heads")).done("columns turn in pairs");
};
