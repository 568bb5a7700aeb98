/** Columns, as array files hold them: one tensor per name, whose first axis numbers the samples. */
import type { Tensor } from "../tensor.ts";
import type { Sample } from "./dataset.ts";
import { sliceRows } from "./rows.ts";

export type TensorColumns = Readonly<Record<string, Tensor>>;

/** Rows of each column (0 of a scalar), and the number that all have: undefined without columns, without rows, or where they differ. */
export function rowsIn(columns: TensorColumns): { readonly each: Readonly<Record<string, number>>; readonly common: number | undefined } {
  const each = Object.fromEntries(Object.entries(columns).map(([name, { dims }]) => [name, dims[0] ?? 0]));
  const [first = 0, ...others] = Object.values(each);
  return { each, common: first > 0 && others.every((n) => n === first) ? first : undefined };
}

/** The first `rows` rows in runs of `size` that keep the first axis, as models take batches; the last may be smaller. Copies nothing, see {@link sliceRows}. */
export function* runsOf(columns: TensorColumns, rows: number, size: number): Generator<Sample, void, undefined> {
  for (let from = 0; from < rows; from += size) {
    const to = Math.min(rows, from + size);
    yield Object.fromEntries(Object.entries(columns).map(([name, tensor]) => [name, sliceRows(tensor, from, to)]));
  }
}
