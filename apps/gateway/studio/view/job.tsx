import type { JSX } from "preact";
import { localUrl, request, unwrap } from "../api/graphql.ts";
import { retryMutation } from "../api/queries.ts";
import { isOver, type JobDetail } from "../api/types.ts";
import { BenchmarkView } from "./benchmark.tsx";
import { Compare } from "./compare.tsx";
import { newKey, useStudio } from "./context.ts";
import { bytes, when } from "./format.ts";
import { Heading, problemText, State } from "./parts.tsx";
import type { Progress } from "./progress.ts";
import { go, hrefOf } from "./route.ts";
import { Running } from "./running.tsx";
import { useJob } from "./use-job.ts";

export function JobPage({ id }: { id: string }): JSX.Element {
  const { job, progress, connected } = useJob(id);
  if (job === undefined) return <p>Loading…</p>;
  if (job === null) return <Heading>This job is not there any more.</Heading>;
  const state = isOver(job.state) ? job.state : progress.state;
  return (
    <>
      <Heading>{titleOf(job)}</Heading>
      <p><State state={state} /> <span class="hint">started {when(job.createdAt)}</span></p>
      {!connected && !isOver(state) && <p class="hint">The connection is lost; trying again…</p>}
      {!isOver(state) && <Running id={id} progress={progress} />}
      {job.error && <p class="problem" role="alert">{problemText(job.error)}</p>}
      {state === "SUCCEEDED" && <Result job={job} />}
      <Actions job={job} />
      <Log progress={progress} open={state !== "SUCCEEDED"} />
    </>
  );
}

function titleOf({ kind, steps, source }: JobDetail): string {
  const names = source.map((model) => model.name).join(" and ") || "a deleted model";
  return kind === "BENCHMARK" ? `Timing of ${names}` : `${names}: ${(steps ?? []).map((step) => step.use).join(", ")}`;
}

function Result({ job }: { job: JobDetail }): JSX.Element | null {
  const { model, report, source, benchmark } = job;
  if (benchmark) return <BenchmarkView benchmark={benchmark} />;
  return (
    <>
      {source[0] && model && <Compare before={source[0]} after={model} />}
      <p class="row downloads">
        {model?.files.map((file) => <a key={file.name} class="button" href={localUrl(file.url)} download={file.name}>Download {file.name} ({bytes(file.size)})</a>)}
        {report?.html && <a class="button" href={localUrl(report.html.url)} download="report.html">Report as a page</a>}
        {report && <a class="button" href={localUrl(report.json.url)} download="report.json">Report as JSON</a>}
        {model && <a href={hrefOf({ model: model.id })}>Look at the new model</a>}
      </p>
    </>
  );
}

function Actions({ job }: { job: JobDetail }): JSX.Element {
  const { fail, refresh } = useStudio();
  const [source] = job.source;
  const retry = async (): Promise<void> => {
    try {
      const made = unwrap((await request(retryMutation, { id: job.id, idempotencyKey: newKey() })).retryJob);
      refresh();
      go({ job: made.job.id });
    } catch (error) {
      fail(error);
    }
  };
  return (
    <p class="row">
      {(job.state === "FAILED" || job.state === "CANCELLED") && <button type="button" onClick={() => void retry()}>Try again</button>}
      {job.kind === "OPTIMIZE" && source && <a href={hrefOf({ model: source.id, from: job.id })}>Change the steps and run again</a>}
    </p>
  );
}

function Log({ progress: { log }, open }: { progress: Progress; open: boolean }): JSX.Element {
  const warnings = log.filter((line) => line.kind === "warning").length;
  return (
    <details class="log" open={open}>
      <summary>What happened{warnings > 0 ? `: ${warnings} ${warnings === 1 ? "warning" : "warnings"}` : ""}</summary>
      <ol>
        {log.map(({ seq, at, text, kind }) => (
          <li key={seq} class={kind}><time dateTime={at}>{new Date(at).toLocaleTimeString()}</time> {kind === "warning" && <strong>Warning: </strong>}{text}</li>
        ))}
      </ol>
    </details>
  );
}
