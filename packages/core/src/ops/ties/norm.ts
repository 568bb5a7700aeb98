/** Normalization: parameter vectors follow their axis; cutting an axis that statistics are taken over changes the other results. */
import { normalizeAxis } from "../rules/axes.ts";
import { alignRight, equalDim, input, isNumber, output, rule, type Ties } from "./build.ts";
import { setInt } from "./resize.ts";

/** Parameters of one value per channel (axis 1), statistics of other channels not involved. `from` is the first parameter input. */
const perChannel = (from: number): Ties => (c) => {
  const rank = c.shape(0)?.length;
  if (rank === undefined || c.node.int("spatial", 1) === 0) return undefined;
  const parameters = c.node.inputs.flatMap((v, i) => (v && i >= from ? [input(i, 0)] : []));
  const statistics = c.node.outputs.flatMap((v, i) => (v && i > 0 ? [output(i, 0)] : []));
  return rule().same([input(0, 0), output(0, 0)]).same([input(0, 1), output(0, 1), ...parameters, ...statistics]).done();
};

export const batchNormTies: Ties = (c) => {
  const made = perChannel(1)(c);
  const rank = c.shape(0)?.length ?? 0;
  const r = rule();
  for (let axis = 2; axis < rank; axis++) r.tie(input(0, axis), output(0, axis));
  return made && { ...made, ties: [...made.ties, ...r.ties] };
};

export const instanceNormTies: Ties = perChannel(1);

/** LayerNormalization and RMSNormalization: axes from `axis` on are normalised; scale and bias align with the last axes. */
export const layerNormTies: Ties = (c) => {
  const x = c.shape(0);
  if (!x) return undefined;
  return alongAxes(c, x.length, normalizeAxis(c.node.int("axis", -1), x.length), [1, 2], [0], [1, 2]);
};

/** com.microsoft SkipLayerNormalization (x, skip, gamma, beta?, bias?) and its simplified form (x, skip, gamma, bias?): the last axis. */
export const skipLayerNormTies: Ties = (c) => {
  const [x, skip] = [c.shape(0), c.shape(1)];
  if (!x || !skip || !skip.every((d, i) => equalDim(d, x[i + x.length - skip.length]))) return undefined;
  return alongAxes(c, x.length, x.length - 1, [1, 2, 3, 4], [0, 3], [1, 2]);
};

function alongAxes(c: Parameters<Ties>[0], rank: number, first: number, parameters: readonly number[], full: readonly number[], statistics: readonly number[]): ReturnType<Ties> {
  const r = rule();
  const x = c.shape(0)!;
  const aligned = parameters.flatMap((index) => {
    const shape = c.node.input(index) ? c.shape(index) : undefined;
    return shape ? [alignRight(index, shape, rank)] : [];
  });
  for (let axis = 0; axis < rank; axis++) {
    const members = aligned.flatMap(({ index, shape }) => {
      const own = axis - (rank - shape.length);
      return own >= 0 && shape[own] !== 1 ? [input(index, own)] : [];
    });
    const outs = full.flatMap((o) => (c.node.output(o) ? [output(o, axis)] : []));
    const stats = axis < first ? statistics.flatMap((o) => (c.node.output(o) ? [output(o, axis)] : [])) : [];
    if (aligned.some(({ shape }) => { const d = shape[axis - (rank - shape.length)]; return d !== undefined && d !== 1 && !equalDim(d, x[axis]); })) continue;
    r.same([input(0, axis), ...outs, ...members, ...stats], axis >= first ? "norm" : undefined);
  }
  return r.done();
}

/**
 * GroupNormalization: channels are groups x channels of a group. A whole group can go exactly; the same channel of every group
 * changes the statistics. Before operator set 21 there was one scale per group.
 */
export const groupNormTies: Ties = (c) => {
  const channels = c.shape(0)?.[1];
  const count = c.node.int("num_groups");
  if (!isNumber(channels) || count === undefined) return undefined;
  const r = rule().tie(input(0, 0), output(0, 0));
  const groups = r.addFactor(count);
  const size = channels / count;
  const local = size > 1 ? r.addFactor(size) : undefined;
  const perGroup = c.opset < 21;
  for (const axis of [input(0, 1), output(0, 1), ...(perGroup ? [] : [input(1, 0), input(2, 0)])]) {
    if (!local) r.tie(groups, axis);
    else r.tie(groups, axis, { inner: size, factor: true }).tie(local, axis, { outer: count, factor: true, spans: "norm" });
  }
  if (perGroup) r.same([groups, input(1, 0), input(2, 0)]);
  return r.resize(groups, setInt("num_groups")).done();
};

/** One tensor in and out, with statistics over some axes: those span. `axesOf` gives them for a rank. */
export const spanning = (spans: "sum" | "norm", axesOf: (c: Parameters<Ties>[0], rank: number) => readonly number[]): Ties => (c) => {
  const rank = c.shape(0)?.length;
  if (rank === undefined) return undefined;
  const over = axesOf(c, rank);
  const r = rule();
  for (let axis = 0; axis < rank; axis++) r.same([input(0, axis), output(0, axis)], over.includes(axis) ? spans : undefined);
  return r.done();
};

/** Softmax, LogSoftmax, Hardmax: over one axis; before operator set 13 over all axes from `axis` on. */
export const softmaxTies: Ties = spanning("norm", (c, rank) => {
  const axis = normalizeAxis(c.node.int("axis", c.opset < 13 ? 1 : -1), rank);
  return c.opset < 13 ? Array.from({ length: rank - axis }, (_, i) => axis + i) : [axis];
});

/** Local response normalization looks at neighbouring channels. */
export const lrnTies: Ties = spanning("norm", () => [1]);
/** Zeros do not change an Lp norm. */
export const lpNormTies: Ties = spanning("sum", (c, rank) => [normalizeAxis(c.node.int("axis", -1), rank)]);
export const meanVarianceTies: Ties = spanning("norm", (c, rank) => (c.node.ints("axes") ?? [0, 2, 3]).map((a) => normalizeAxis(a, rank)));
/** DynamicQuantizeLinear takes its scale from the range of the whole tensor. */
export const dynamicQuantizeTies: Ties = spanning("norm", (_, rank) => Array.from({ length: rank }, (_, i) => i));
