/** Shape and cost rules of recurrent layers. */
import type { Dim } from "../../ir/type.ts";
import { divDims } from "../dim.ts";
import type { Cost, CostContext, InferContext } from "../op.ts";

/** Recurrent weights: [directions, gates * hidden, hidden], or transposed as DynamicQuantizeLSTM has them. */
export type RecurrentLayout = "rows" | "columns";

function hiddenSize(c: InferContext, gates: number, layout: RecurrentLayout): Dim {
  const given = c.node.int("hidden_size");
  if (given !== undefined) return given;
  const r = c.shape(2);
  if (r?.length === 3) return layout === "rows" ? r[2]! : r[1]!;
  return divDims(c.shape(1)?.[layout === "rows" ? 1 : 2] ?? null, gates);
}

/** Y [sequence, directions, batch, hidden], Y_h and Y_c [directions, batch, hidden]; `layout` 1 puts the batch first. */
export const inferRecurrent = (gates: 1 | 3 | 4, weights: RecurrentLayout = "rows") => (c: InferContext): void => {
  const x = c.shape(0);
  if (x && x.length !== 3) c.fail(`expects data of rank 3, but [${x.join(",")}] came`);
  const directions = c.node.string("direction", "forward") === "bidirectional" ? 2 : 1;
  const hidden = hiddenSize(c, gates, weights);
  const batchFirst = c.node.int("layout", 0) !== 0;
  const [first = null, second = null] = x ?? [];
  const [sequence, batch] = batchFirst ? [second, first] : [first, second];
  c.set(0, undefined, batchFirst ? [batch, sequence, directions, hidden] : [sequence, directions, batch, hidden]);
  for (let i = 1; i < c.outputCount; i++) c.set(i, undefined, batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]);
};

/** Per step, sequence and direction: gates * hidden * (input + hidden) products. Lengths are taken as full. */
export const recurrentCost = (gates: 1 | 3 | 4) => (c: CostContext): Cost => {
  const [a = 0, b = 0, input = 0] = c.shape(0) ?? [];
  const directions = c.node.string("direction", "forward") === "bidirectional" ? 2 : 1;
  const hidden = c.node.int("hidden_size") ?? c.shape(2)?.[2] ?? 0;
  const steps = a * b * directions;
  return { macs: steps * gates * hidden * (input + hidden), elementOps: steps * hidden * (gates + 2) };
};
