/** Before and after, side by side. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { request, unwrap } from "../api/graphql.ts";
import { benchmarkMutation } from "../api/queries.ts";
import type { ModelStats } from "../api/types.ts";
import { BenchmarkJob } from "./benchmark.tsx";
import { Bar, Shares } from "./charts.tsx";
import { newKey, useStudio } from "./context.ts";
import { bytes, change, count, exact, percent } from "./format.ts";

interface Row {
  readonly name: string;
  /** What less and more of it are called; shares have no ratio. */
  readonly words?: readonly [string, string];
  of(model: ModelStats): number;
  format(value: number): string;
}

const rows: readonly Row[] = [
  { name: "File size", of: (m) => m.fileBytes, format: bytes, words: ["smaller", "larger"] },
  { name: "Bytes of weights", of: (m) => m.stats.bytes, format: bytes, words: ["smaller", "larger"] },
  { name: "Parameters", of: (m) => m.stats.parameters, format: count, words: ["fewer", "more"] },
  { name: "Multiply-accumulates", of: (m) => m.stats.macs, format: count, words: ["fewer", "more"] },
  { name: "Nodes", of: (m) => m.stats.nodeCount, format: exact, words: ["fewer", "more"] },
  { name: "Zeros in weights", of: (m) => m.stats.sparsity ?? 0, format: percent },
];

export function Compare({ before, after }: { before: ModelStats; after: ModelStats }): JSX.Element {
  return (
    <section class="card" aria-labelledby="compare">
      <h3 id="compare">Before and after</h3>
      <div class="scroll" tabIndex={0} role="region" aria-label="Figures">
        <table class="compare">
          <thead><tr><th scope="col">Figure</th><th scope="col" class="number">Before</th><th scope="col" class="number">After</th><th scope="col">Change</th><td class="bar" /></tr></thead>
          <tbody>{rows.map((row) => <CompareRow key={row.name} row={row} before={row.of(before)} after={row.of(after)} />)}</tbody>
        </table>
      </div>
      <div class="pair">
        <div><h4>Weights before</h4><Shares label="Bytes of weights by data type, before" parts={before.stats.bytesByDtype} format={bytes} /></div>
        <div><h4>Weights after</h4><Shares label="Bytes of weights by data type, after" parts={after.stats.bytesByDtype} format={bytes} /></div>
      </div>
      <Speed before={before} after={after} />
    </section>
  );
}

function CompareRow({ row, before, after }: { row: Row; before: number; after: number }): JSX.Element {
  const largest = Math.max(before, after, Number.MIN_VALUE);
  return (
    <tr>
      <th scope="row">{row.name}</th>
      <td class="number">{row.format(before)}</td>
      <td class="number">{row.format(after)}</td>
      <td>{row.words ? change(before, after, row.words) : points(before, after)}</td>
      <td class="bar"><Bar kind="muted" share={before / largest} /><Bar share={after / largest} /></td>
    </tr>
  );
}

/** Difference of two shares. */
function points(before: number, after: number): string {
  const difference = (after - before) * 100;
  return Math.abs(difference) < 0.05 ? "about the same" : `${difference > 0 ? "+" : "−"}${Math.abs(difference).toFixed(1)} points`;
}

function Speed({ before, after }: { before: ModelStats; after: ModelStats }): JSX.Element {
  const { fail, refresh } = useStudio();
  const [job, setJob] = useState<string>();
  const [busy, setBusy] = useState(false);
  const start = async (): Promise<void> => {
    setBusy(true);
    try {
      const made = unwrap((await request(benchmarkMutation, { models: [before.id, after.id], idempotencyKey: newKey() })).benchmark);
      setJob(made.job.id);
      refresh();
    } catch (error) {
      fail(error);
    } finally {
      setBusy(false);
    }
  };
  if (job !== undefined) return <BenchmarkJob id={job} />;
  return <p class="row"><button type="button" disabled={busy || before.id === after.id} onClick={() => void start()}>Time both models</button></p>;
}
