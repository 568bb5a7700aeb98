/**
 * What steps would do. Steps that need no more than the model, or data that is there, are rehearsed: run on a copy, in the order and with
 * the seeds of a job, for a limited time. So what is foretold is what came out, never an estimate. What a rehearsal cannot tell is said to be unknown.
 */
import { encodeParts, isLatheError, modelToProto, pipeline, type AnyTechnique, type Json, type Model, type Predicate, type RunOptions, type Step } from "@lathe/core";
import { statsOf } from "./facts.ts";
import { openModel } from "./open.ts";
import { pipelineOf } from "./optimize.ts";
import { REHEARSED_SAMPLES, type Lent, type PlannedStep, type Predicted, type TaskHost, type TaskOf, type TaskResult } from "./protocol.ts";
import { lend } from "./services.ts";
import { withoutCode } from "../errors.ts";
import { snapshot, touched } from "./touched.ts";

/** What became of a step in the rehearsal. */
interface Rehearsed {
  readonly predicted?: Predicted;
  /** Why the step would not run. */
  readonly problem?: string;
  /** Why nothing is foretold of it. */
  readonly unknown?: string;
}

export async function plan({ model, folder, modules, steps, seed, lent, threads, rehearsalMs }: TaskOf<"plan">, host: TaskHost): Promise<TaskResult> {
  const { steps: bound } = await pipelineOf(modules, steps);
  const source = await openModel(model, folder);
  const stop = bound.findIndex((step) => whyNot(step, lent) !== undefined);
  const rehearsable = stop < 0 ? bound : bound.slice(0, stop);
  const services = await lend({ steps: rehearsable, source, lent, folder, threads, samples: REHEARSED_SAMPLES });
  const rehearsed = await rehearse(rehearsable, source, { ...services, seed, signal: AbortSignal.any([host.signal, AbortSignal.timeout(rehearsalMs)]) }, rehearsalMs);
  const told: PlannedStep[] = [];
  for (const [i, step] of bound.entries()) {
    const known: Rehearsed = rehearsed[i] ?? { unknown: i === stop ? whyNot(step, lent)! : "A step before it is not foretold, and so the model that it would work on." };
    told.push(await planned(step, source, lent, known));
  }
  return { kind: "plan", steps: told };
}

function whyNot(step: Step, lent: Lent): string | undefined {
  const needs = new Set<string>(step.needs);
  if (needs.has("data") && !lent.data) return "It needs data.";
  const judged = [...needs].filter((need) => need !== "data" && need !== "runtime");
  return judged.length === 0 ? undefined : `What it makes depends on ${judged.map((need) => (need === "evaluate" ? "judging models" : need === "trainer" ? "training" : need)).join(" and ")}, which only a job does.`;
}

type Settings = RunOptions<never> & { readonly signal: AbortSignal };

async function rehearse(steps: readonly Step[], source: Model, settings: Settings, limitMs: number): Promise<Rehearsed[]> {
  const done: Rehearsed[] = [];
  if (steps.length === 0) return done;
  const sampled = (i: number): boolean => steps.slice(0, i + 1).some((step) => step.needs.includes("data"));
  const watched = steps.map((step, i) => watch(step, (before, after, metrics) => void done.push({ predicted: { basis: sampled(i) ? "SAMPLED" : "EXACT", ...figuresOf(before, after, metrics) } })));
  try {
    await pipeline(...watched).run(source, settings).result;
  } catch (error) {
    const timedOut = settings.signal.aborted;
    done.push(timedOut ? { unknown: `Its rehearsal took longer than the ${limitMs} ms that a plan may take.` } : { problem: sentence(error) });
    while (!timedOut && done.length < steps.length) done.push({ unknown: "A step before it would fail." });
  }
  return done;
}

/** The same step, which tells what came in and what came out. */
function watch(step: Step, tell: (before: ReturnType<typeof snapshot>, after: Model, metrics: unknown) => void): Step {
  const technique: AnyTechnique = {
    ...step.technique,
    async apply(model, options, ctx) {
      const before = snapshot(model);
      const result = await step.technique.apply(model, options, ctx);
      tell(before, result?.model ?? model, result?.metrics ?? {});
      return result;
    },
  };
  return { ...step, technique };
}

function figuresOf(before: ReturnType<typeof snapshot>, after: Model, metrics: unknown): Omit<Predicted, "basis"> {
  const fileBytes = encodeParts("ModelProto", modelToProto(after)).reduce((sum, part) => sum + part.byteLength, 0);
  return { stats: statsOf(after), fileBytes, touched: touched(before, snapshot(after)), metrics: plain(metrics) };
}

async function planned(step: Step, source: Model, lent: Lent, { predicted, problem, unknown }: Rehearsed): Promise<PlannedStep> {
  const options = await step.options;
  const inner = await Promise.all(step.steps.map((s) => planned(s, source, lent, { unknown: "It runs inside another step, whose figures include it." })));
  // A step that was rehearsed has passed its own checks, on the model that it would get.
  const why = problem ?? (predicted ? undefined : await problemOf(step, source, options, lent));
  return { use: step.name, options: plain(options), needs: step.needs, problem: why ?? null, steps: inner, predicted: predicted ?? null, unknown: predicted ? null : (unknown ?? null) };
}

async function problemOf({ technique, needs }: Step, model: Model, options: unknown, lent: Lent): Promise<string | undefined> {
  if (needs.includes("data") && !lent.data) return "It needs data: name a dataset artifact.";
  if (needs.includes("evaluate") && !lent.data && !lent.evaluation?.data) return "It judges models: name a dataset artifact with labels.";
  for (const expects of technique.expects) {
    const reason = await (expects as Predicate)(model, options);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

const sentence = (error: unknown): string => (isLatheError(error) ? withoutCode(error.code, error.message) : error instanceof Error ? error.message : String(error));

/** As JSON data: numbers that are not finite become null. */
const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null)) as Json;
