/** Matrix products. The contracted axis ties the operands with each other; it does not reach the result. */
import { alignRight, broadcastTies, equalDim, input, output, rule, type Ties } from "./build.ts";

/** MatMul (and com.microsoft FusedMatMul / TransposeMatMul with transA/transB on the last two axes). */
export const matMulTies: Ties = (c) => {
  const [a, b, y] = [c.shape(0), c.shape(1), c.outShape(0)];
  if (!a || !b || !y || a.length === 0 || b.length === 0) return undefined;
  if (c.node.int("transBatchA", 0) !== 0 || c.node.int("transBatchB", 0) !== 0) return undefined;
  const [rankA, rankB] = [a.length, b.length];
  const [transA, transB] = [c.node.int("transA", 0) !== 0 && rankA > 1, c.node.int("transB", 0) !== 0 && rankB > 1];
  const kA = transA ? rankA - 2 : rankA - 1;
  const kB = rankB === 1 ? 0 : transB ? rankB - 1 : rankB - 2;
  const r = rule().tie(input(0, kA), input(1, kB), { spans: "sum" });
  if (rankB > 1) r.tie(input(1, transB ? rankB - 2 : rankB - 1), output(0, y.length - 1));
  if (rankA > 1) r.tie(input(0, transA ? rankA - 1 : rankA - 2), output(0, y.length - (rankB > 1 ? 2 : 1)));
  const batch = y.slice(0, y.length - (rankA > 1 ? 1 : 0) - (rankB > 1 ? 1 : 0));
  broadcastTies(r, batch, [alignRight(0, a.slice(0, -2), batch.length), alignRight(1, b.slice(0, -2), batch.length)]);
  return r.done();
};

export const gemmTies: Ties = (c) => {
  const [a, b, bias] = [c.shape(0), c.shape(1), c.shape(2)];
  const y = c.outShape(0);
  if (a?.length !== 2 || b?.length !== 2 || !y || (c.node.input(2) && !bias)) return undefined;
  const [transA, transB] = [c.node.int("transA", 0) !== 0, c.node.int("transB", 0) !== 0];
  const r = rule().tie(input(0, transA ? 0 : 1), input(1, transB ? 1 : 0), { spans: "sum" });
  const members: [number, ReturnType<typeof input>][] = [[0, input(0, transA ? 1 : 0)], [1, input(1, transB ? 0 : 1)]];
  for (const [axis, operand] of members) {
    const at = bias ? axis - (2 - bias.length) : -1;
    const length = bias?.[at];
    // A bias whose length is neither 1 nor the result's holds the axis.
    if (at >= 0 && length !== 1 && !equalDim(length, y[axis])) continue;
    r.same([operand, output(0, axis), at >= 0 && length !== 1 ? input(2, at) : undefined]);
  }
  return r.done();
};

/** Einsum: a letter is one axis wherever it stands; a letter that the result lacks is summed over. */
export const einsumTies: Ties = (c) => {
  const equation = (c.node.string("equation") ?? "").replaceAll(" ", "");
  if (equation === "" || equation.includes(".")) return undefined;
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  const letters = [...new Set(left.replaceAll(",", ""))];
  const result = right ?? letters.filter((l) => left.split(l).length === 2).toSorted().join("");
  const shapes = terms.map((_, i) => c.shape(i));
  const r = rule();
  for (const letter of letters) {
    const lengths = terms.flatMap((term, i) => [...term].flatMap((l, axis) => (l === letter ? [shapes[i]?.[axis]] : [])));
    // A length of 1 may stand for a broadcast: only equal lengths are tied.
    if (!lengths.every((d) => equalDim(d, lengths[0]))) continue;
    const inputs = terms.flatMap((term, i) => [...term].flatMap((l, axis) => (l === letter ? [input(i, axis)] : [])));
    const outputs = [...result].flatMap((l, axis) => (l === letter ? [output(0, axis)] : []));
    const spans = outputs.length === 0 ? "sum" as const : undefined;
    if (inputs.length + outputs.length > 1) r.same([...inputs, ...outputs], spans);
    else r.addFree(inputs[0]!, spans);
  }
  return r.done();
};

