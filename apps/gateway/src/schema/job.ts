/** Jobs, their attempts and events, and what they end in. */
import type { Json } from "@lathe/core";
import { mayRead } from "../app.ts";
import { withoutCode } from "../errors.ts";
import { globalId } from "../ids.ts";
import type { EventType, JobKind, JobState, BenchmarkSpec, Evaluation, JobEventRow, JobRow, OptimizeSpec, Problem, RecipeStepJson } from "../jobs/model.ts";
import type { ArtifactRow } from "../store/models.ts";
import { readReport } from "../store/report.ts";
import type { BenchmarkJson } from "../task/protocol.ts";
import type { ReportJson } from "../task/summary.ts";
import { pageCost, pageOf, connect as connectRows, type Builder, type connections } from "./builder.ts";
import type { fileTypes, nodeInterface } from "./files.ts";
import { pageArgs, type ModelTypes } from "./model.ts";
import { toInputs } from "./step-input.ts";

const states: Record<JobState, string> = {
  QUEUED: "Waits for a worker.",
  RUNNING: "A worker has it.",
  CANCELLING: "Is being stopped.",
  SUCCEEDED: "Done; the result is there.",
  FAILED: "Ended without a result; `error` says why.",
  CANCELLED: "Was stopped on request.",
};
const kinds: Record<JobKind, string> = { OPTIMIZE: "Runs steps on a model.", BENCHMARK: "Times models against each other." };
const types: Record<EventType, string> = {
  QUEUED: "Was accepted and stored.",
  STARTED: "A worker took it.",
  STEP_STARTED: "A step began.",
  PROGRESS: "How far a step is.",
  WARNING: "Something was left alone or is doubtful.",
  STEP_FINISHED: "A step is done; `data.metrics` has its figures.",
  CANCEL_REQUESTED: "Somebody asked to stop it.",
  WORKER_LOST: "The worker went away; another attempt follows unless too many were lost.",
  SUCCEEDED: "The last event of a job that has a result.",
  FAILED: "The last event of a job that failed.",
  CANCELLED: "The last event of a job that was stopped.",
};

interface AttemptValue {
  readonly number: number;
  readonly state: string;
  readonly isolation: string;
  readonly error: Problem | null;
  readonly peak_bytes: number | null;
  readonly started_at: Date;
  readonly finished_at: Date | null;
}

interface ReportValue {
  readonly data: ReportJson;
  readonly json: ArtifactRow;
  readonly html: ArtifactRow | undefined;
}

const valuesOf = (texts: Readonly<Record<string, string>>): Record<string, { description: string }> => Object.fromEntries(Object.entries(texts).map(([name, description]) => [name, { description }]));

export type JobTypes = ReturnType<typeof jobTypes>;

export function jobTypes(builder: Builder, node: ReturnType<typeof nodeInterface>, { model, stats }: ModelTypes, { artifact }: ReturnType<typeof fileTypes>, connect: ReturnType<typeof connections>) {
  const state = builder.enumType("JobState", { description: "Where a job stands.", values: valuesOf(states) });
  const kind = builder.enumType("JobKind", { description: "What a job does.", values: valuesOf(kinds) });
  const type = builder.enumType("JobEventType", { description: "What happened.", values: valuesOf(types) });
  const error = builder.objectRef<Problem>("JobError").implement({
    description: "Why a job or an attempt failed.",
    fields: (t) => ({
      code: t.exposeString("code", { description: "Stable, for programs: OUT_OF_MEMORY." }),
      message: t.string({ description: "For people; without the code.", resolve: (e) => withoutCode(e.code, e.message) }),
    }),
  });
  const attempt = builder.objectRef<AttemptValue>("Attempt").implement({
    description: "One try of a job by one worker, in a process of its own.",
    fields: (t) => ({
      number: t.exposeInt("number", { description: "From 1." }),
      state: t.exposeString("state", { description: "RUNNING, SUCCEEDED, FAILED, CANCELLED, LOST, or RELEASED when its worker stopped in good order." }),
      isolation: t.exposeString("isolation", { description: "PROCESS: a child process watched from outside. PROCESS_LIMITED: the system enforces its memory limit too." }),
      error: t.field({ type: error, nullable: true, description: "Why it failed.", resolve: (a) => a.error }),
      peakBytes: t.field({ type: "Long", nullable: true, description: "Most memory that was seen in use.", resolve: (a) => a.peak_bytes }),
      startedAt: t.field({ type: "DateTime", description: "When it began.", resolve: (a) => a.started_at }),
      finishedAt: t.field({ type: "DateTime", nullable: true, description: "When it ended.", resolve: (a) => a.finished_at }),
    }),
  });
  const event = builder.objectRef<JobEventRow>("JobEvent").implement({
    description: "Something that happened to a job. Numbers have no gaps, so a reader knows whether it has seen everything.",
    fields: (t) => ({
      seq: t.exposeInt("seq", { description: "From 1, without gaps." }),
      attempt: t.exposeInt("attempt", { description: "The attempt that it belongs to; 0 before the first." }),
      type: t.field({ type, description: "What happened.", resolve: (e) => e.type }),
      at: t.field({ type: "DateTime", description: "When.", resolve: (e) => e.at }),
      data: t.field({ type: "JSON", description: "Details, by type: step, fraction, overall, message, metrics, code.", resolve: (e) => e.data }),
    }),
  });
  const eventPage = connect("JobEvent", event);
  const step = builder.objectRef<ReportJson["steps"][number]>("ReportStep").implement({
    description: "What one step did.",
    fields: (t) => ({
      name: t.exposeString("name", { description: "The technique." }),
      options: t.field({ type: "JSON", description: "Its options, defaults filled in.", resolve: (s) => s.options }),
      metrics: t.field({ type: "JSON", description: "Its figures by name.", resolve: (s) => s.metrics as Json }),
      details: t.field({ type: "JSON", nullable: true, description: "What else it tells; null too where all of it is too long, which the file has.", resolve: (s) => s.details }),
      warnings: t.stringList({ description: "What was left alone or is doubtful.", resolve: (s) => s.warnings.map((w) => w.message) }),
      elapsedMs: t.exposeFloat("elapsedMs", { description: "Milliseconds." }),
      seed: t.field({ type: "Long", description: "Seed of everything random in it.", resolve: (s) => s.seed }),
    }),
  });
  const report = builder.objectRef<ReportValue>("Report").implement({
    description: "The evidence of an optimisation: figures before and after, and what each step did.",
    fields: (t) => ({
      title: t.string({ description: "The steps by name.", resolve: (r) => r.data.title }),
      seed: t.field({ type: "Long", description: "Seed of the run.", resolve: (r) => r.data.seed }),
      elapsedMs: t.float({ description: "Milliseconds.", resolve: (r) => r.data.elapsedMs }),
      before: t.field({ type: stats, description: "Figures of the source.", resolve: (r) => r.data.before }),
      after: t.field({ type: stats, description: "Figures of the result.", resolve: (r) => r.data.after }),
      steps: t.field({ type: [step], description: "In order.", resolve: (r) => [...r.data.steps] }),
      json: t.field({ type: artifact, description: "All of it as JSON.", resolve: (r) => r.json }),
      html: t.field({ type: artifact, nullable: true, description: "All of it as one page.", resolve: (r) => r.html }),
    }),
  });
  const timing = builder.objectRef<BenchmarkJson["timings"][number]>("Timing").implement({
    description: "Times of one model in a benchmark, in milliseconds a run.",
    fields: (t) => ({
      model: t.field({ type: model, nullable: true, description: "The model; null when it was deleted since.", resolve: (x, _, ctx) => ctx.app.rows.model(x.model) }),
      median: t.exposeFloat("median", { description: "Median." }),
      spread: t.exposeFloat("spread", { description: "Median absolute deviation." }),
      p5: t.exposeFloat("p5", { description: "5th percentile." }),
      p95: t.exposeFloat("p95", { description: "95th percentile." }),
      speedup: t.exposeFloat("speedup", { description: "How many times faster than the first model: median over rounds of the ratio." }),
      repeats: t.exposeInt("repeats", { description: "Runs in one sample." }),
    }),
  });
  const machine = builder.objectRef<BenchmarkJson["machine"]>("Machine").implement({
    description: "Where a benchmark ran, and how busy that was.",
    fields: (t) => ({
      cpu: t.exposeString("cpu", { description: "Processor." }),
      cores: t.exposeInt("cores", { description: "Cores that may be used." }),
      loadBefore: t.exposeFloat("loadBefore", { description: "Load of the system before." }),
      loadAfter: t.exposeFloat("loadAfter", { description: "Load of the system after." }),
    }),
  });
  const benchmark = builder.objectRef<BenchmarkJson>("Benchmark").implement({
    description: "Models timed against each other, in turns; the first is the baseline.",
    fields: (t) => ({
      timings: t.field({ type: [timing], description: "In the order given.", resolve: (b) => [...b.timings] }),
      machine: t.field({ type: machine, description: "Where it ran.", resolve: (b) => b.machine }),
    }),
  });
  const evaluation = builder.objectRef<Evaluation<string>>("Evaluation").implement({
    description: "How models are judged.",
    fields: (t) => ({
      dataset: t.field({ type: artifact, nullable: true, description: "The labelled data; null for the job's own.", resolve: async (e, _, { app }) => (e.data === undefined ? undefined : app.rows.artifact(e.data)) }),
      metric: t.string({ description: "The figure, as the SDK names it.", resolve: (e) => e.metric ?? "accuracy" }),
      labels: t.string({ nullable: true, description: "Name of the labels in the data, where it was given.", resolve: (e) => e.labels }),
      output: t.string({ nullable: true, description: "Output that is judged, where it was given.", resolve: (e) => e.output }),
    }),
  });
  const job = builder.objectRef<JobRow>("Job");
  job.implement({
    description: "Accepted work. It is stored before the mutation answers, runs at least once and publishes at most once.",
    interfaces: [node],
    isTypeOf: (value) => "max_attempts" in (value as object),
    fields: (t) => ({
      id: t.id({ description: "Global id.", resolve: (j) => globalId("Job", j.id) }),
      kind: t.field({ type: kind, description: "What it does.", resolve: (j) => j.kind }),
      state: t.field({ type: state, description: "Where it stands.", resolve: (j) => j.state }),
      progress: t.float({ description: "Share that is done, 0 to 1.", resolve: (j) => j.progress }),
      lastSeq: t.int({ description: "Number of the newest event.", resolve: (j) => j.seq }),
      source: t.field({
        type: [model], description: "Models that it works on; deleted ones are left out.",
        resolve: async (j, _, ctx) => {
          const ids = j.kind === "OPTIMIZE" ? [(j.spec as OptimizeSpec).model] : (j.spec as BenchmarkSpec).models;
          return (await Promise.all(ids.map((id) => ctx.app.rows.model(id)))).filter((m) => m !== undefined);
        },
      }),
      steps: t.field({ type: "JSON", nullable: true, description: 'The recipe of an optimisation, as recipe files and the SDK write it: [{ "use": "quantize-static", "with": { "target": "x64-vnni" } }].', resolve: (j) => (recipeIn(j) as unknown as Json | undefined) ?? null }),
      stepInputs: t.field({ type: "JSON", nullable: true, description: 'The same as `optimize` takes it in "steps": [{ "quantizeStatic": { "target": "X64_VNNI" } }].', resolve: (j, _, { app }) => (recipeIn(j) ? (toInputs(recipeIn(j)!, app.offer) as unknown as Json) : null) }),
      dataset: t.field({ type: artifact, nullable: true, description: "The data that it was given; null without, or when it was deleted since.", resolve: async (j, _, { app }) => (j.spec.data === undefined ? undefined : app.rows.artifact(j.spec.data)) }),
      batch: t.int({ description: "Samples of the dataset in one run of the model.", resolve: (j) => j.spec.batch }),
      seed: t.field({ type: "Long", nullable: true, description: "Seed of an optimisation.", resolve: (j) => (j.kind === "OPTIMIZE" ? (j.spec as OptimizeSpec).seed : null) }),
      evaluation: t.field({ type: evaluation, nullable: true, description: "How steps that judge models do it, where that was said.", resolve: (j) => (j.kind === "OPTIMIZE" ? ((j.spec as OptimizeSpec).evaluation ?? null) : null) }),
      teacher: t.field({ type: model, nullable: true, description: "The model whose answers training was to match, where one was named.", resolve: async (j, _, ctx) => {
        const id = j.kind === "OPTIMIZE" ? (j.spec as OptimizeSpec).teacher : undefined;
        return id === undefined ? undefined : ctx.app.rows.model(id);
      } }),
      model: t.field({ type: model, nullable: true, description: "The model that it made.", resolve: async (j, _, ctx) => (j.result?.model === undefined ? undefined : ctx.app.rows.model(j.result.model)) }),
      report: t.field({
        type: report, nullable: true, description: "The evidence of an optimisation.",
        resolve: async ({ result }, _, ctx) => {
          const { rows } = ctx.app;
          const json = result?.report === undefined ? undefined : await rows.artifact(result.report);
          if (!json) return undefined;
          const html = result?.reportHtml === undefined ? undefined : await rows.artifact(result.reportHtml);
          return { data: await readReport(ctx, json), json, html };
        },
      }),
      benchmark: t.field({ type: benchmark, nullable: true, description: "The times of a benchmark.", resolve: (j) => j.result?.benchmark ?? null }),
      error: t.field({ type: error, nullable: true, description: "Why it failed.", resolve: (j) => j.error }),
      retryOf: t.field({ type: job, nullable: true, description: "The job that it tries again.", resolve: async (j, _, ctx) => {
        const row = j.retry_of === null ? undefined : await ctx.app.rows.job(j.retry_of);
        return row && mayRead(ctx, row) ? row : undefined;
      } }),
      attempts: t.field({ type: [attempt], description: "Its tries so far.", resolve: (j, _, { app }) => app.db.query<AttemptValue>("select * from attempt where job_id = $1 order by number", [j.id]) }),
      events: t.field({
        type: eventPage, description: "What happened so far. To follow it live, subscribe to jobEvents.", args: pageArgs(t.arg), complexity: pageCost,
        resolve: async (j, args, ctx) => {
          const page = pageOf(args, ctx);
          const { count, after = 0, before, backward } = page;
          const rows = await ctx.app.db.query<JobEventRow>(`select * from job_event where job_id = $1 and seq > $2 and ($3::int is null or seq < $3) order by seq ${backward ? "desc" : "asc"} limit $4`, [j.id, after, before ?? null, count + 1]);
          return connectRows(backward ? rows.reverse() : rows, page, (e) => e.seq);
        },
      }),
      createdAt: t.field({ type: "DateTime", description: "When it was accepted.", resolve: (j) => j.created_at }),
      startedAt: t.field({ type: "DateTime", nullable: true, description: "When its first attempt began.", resolve: (j) => j.started_at }),
      finishedAt: t.field({ type: "DateTime", nullable: true, description: "When it was over.", resolve: (j) => j.finished_at }),
    }),
  });
  return { job, event };
}

const recipeIn = ({ kind, spec }: JobRow): readonly RecipeStepJson[] | undefined => (kind === "OPTIMIZE" ? (spec as OptimizeSpec).steps : undefined);
