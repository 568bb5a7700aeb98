/** Times of models, against the first of them. */
import type { JSX } from "preact";
import { isOver, type Benchmark } from "../api/types.ts";
import { Bar } from "./charts.tsx";
import { milliseconds } from "./format.ts";
import { problemText } from "./parts.tsx";
import { Running } from "./running.tsx";
import { useJob } from "./use-job.ts";

export function BenchmarkJob({ id }: { id: string }): JSX.Element {
  const { job, progress } = useJob(id);
  if (job?.benchmark) return <BenchmarkView benchmark={job.benchmark} />;
  if (job?.error) return <p class="problem" role="alert">{problemText(job.error)}</p>;
  if (isOver(progress.state) && progress.state !== "SUCCEEDED") return <p class="hint">The timing was stopped.</p>;
  return <Running id={id} progress={progress} />;
}

export function BenchmarkView({ benchmark: { timings, machine } }: { benchmark: Benchmark }): JSX.Element {
  const longest = Math.max(...timings.map((timing) => timing.median), Number.MIN_VALUE);
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Times">
        <table class="timings">
          <caption>Time of one run</caption>
          <thead><tr><th scope="col">Model</th><th scope="col" class="number">Median</th><th scope="col" class="number">5th to 95th percentile</th><th scope="col" class="number">Speed-up</th><td class="bar" /></tr></thead>
          <tbody>
            {timings.map(({ model, median, p5, p95, speedup }, i) => (
              <tr key={model?.id ?? i}>
                <th scope="row">{model?.name ?? "a deleted model"}</th>
                <td class="number">{milliseconds(median)}</td>
                <td class="number">{milliseconds(p5)} to {milliseconds(p95)}</td>
                <td class="number">{i === 0 ? "1" : speedup.toFixed(2)} ×</td>
                <td class="bar"><Bar share={median / longest} kind={i === 0 ? "muted" : "main"} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint">On {machine.cpu}, {machine.cores} cores; load of the system {machine.loadBefore.toFixed(1)} before and {machine.loadAfter.toFixed(1)} after. On a busy machine times say little.</p>
    </>
  );
}
