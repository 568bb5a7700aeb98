/** The tasks of a child, one function each. */
import { dataset, fromRecipe, isLatheError, sliceRows, type Dataset, type Json, type Model, type RunEvent, type Sample, type ServiceName, type Services, type Step, type Tensor } from "@lathe/core";
import { loadModel, readNpz, saveModel } from "@lathe/core/node";
import { benchmark, ortRuntime, randomFeeds } from "@lathe/ort";
import { existsSync } from "node:fs";
import { constants, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { techniquesOf } from "../techniques/offer.ts";
import { factsOf } from "./facts.ts";
import { outputs, type DataFile, type ModelFiles, type PlannedStep, type Task, type TaskResult } from "./protocol.ts";

export interface TaskHost {
  readonly signal: AbortSignal;
  event(event: RunEvent): void;
}

type Of<K extends Task["kind"]> = Extract<Task, { kind: K }>;

export async function runTask(task: Task, host: TaskHost): Promise<TaskResult> {
  switch (task.kind) {
    case "inspect":
      return { kind: "inspect", ...factsOf(await open(task.model, task.folder)) };
    case "plan":
      return plan(task);
    case "optimize":
      return optimize(task, host);
    case "benchmark":
      return time(task, host);
  }
}

/** Exactly the files of the manifest are put in the folder; a name in the model that is not among them leads nowhere. */
async function open(files: ModelFiles, folder: string, name = "model"): Promise<Model> {
  if (files.data.length === 0) return loadModel(files.graph);
  const home = join(folder, name);
  await mkdir(home);
  // Names of data files never begin with a dot.
  const graph = join(home, ".graph.onnx");
  for (const { path, target } of [{ path: files.graph, target: graph }, ...files.data.map((d) => ({ path: d.path, target: join(home, d.name) }))]) {
    // A clone where the file system can, else a copy: links are what the reader refuses.
    await copyFile(path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
  return loadModel(graph);
}

async function plan({ model, folder, modules, steps, hasData }: Of<"plan">): Promise<TaskResult> {
  const [loaded, { steps: bound }] = [await open(model, folder), fromRecipe((await Promise.all(modules.map((m) => techniquesOf(m)))).flat(), steps)];
  return { kind: "plan", steps: await Promise.all(bound.map((step) => planned(step, loaded, hasData))) };
}

async function planned(step: Step, model: Model, hasData: boolean): Promise<PlannedStep> {
  const options = await step.options;
  const inner = await Promise.all(step.steps.map((s) => planned(s, model, hasData)));
  return { use: step.name, options: plain(options), needs: step.needs, problem: await problemOf(step, model, options, hasData), steps: inner };
}

async function problemOf({ technique, needs }: Step, model: Model, options: unknown, hasData: boolean): Promise<string | null> {
  if (needs.includes("data") && !hasData) return "It needs data: name a dataset artifact.";
  const missing = needs.filter((need) => need !== "data" && need !== "runtime");
  if (missing.length > 0) return `It needs ${missing.join(" and ")}, which this gateway does not lend.`;
  for (const expects of technique.expects) {
    const reason = await (expects as (model: Model, options: unknown) => Promise<string | undefined>)(model, options);
    if (reason !== undefined) return reason;
  }
  return null;
}

async function optimize({ model, folder, modules, steps, seed, data, threads }: Of<"optimize">, host: TaskHost): Promise<TaskResult> {
  const techniques = (await Promise.all(modules.map((module) => techniquesOf(module)))).flat();
  const pipeline = fromRecipe(techniques, steps);
  const source = await open(model, folder);
  const runtime = ortRuntime({ load: { threads } });
  const services: Partial<Services> = { runtime, ...(data ? { data: await openData(data) } : {}) };
  const needs = new Set<ServiceName>(pipeline.steps.flatMap((step) => step.needs));
  const lent = Object.fromEntries(Object.entries(services).filter(([name]) => name === "runtime" || needs.has(name as ServiceName)));
  const run = pipeline.run(source, { ...lent, signal: host.signal, seed, onEvent: host.event });
  const { model: made, report } = await run.result;
  await saveModel(made, join(folder, outputs.model));
  // What is told of the result is read from its file, as a user would.
  const saved = await loadModel(join(folder, outputs.model));
  return { kind: "optimize", ...factsOf(saved), report: report.data, html: report.toHtml(), external: existsSync(join(folder, outputs.data)) };
}

async function time({ models, folder, rounds, data, threads }: Of<"benchmark">, host: TaskHost): Promise<TaskResult> {
  const loaded: Record<string, Model> = {};
  for (const [i, { id, files }] of models.entries()) loaded[id] = await open(files, folder, `model${i}`);
  const first = Object.values(loaded)[0]!;
  const symbols = new Set(first.graph.inputs.flatMap((v) => (v.shape ?? []).filter((d) => typeof d === "string")));
  const feeds = data ? (await (await openData(data)).take(1).toArray())[0]! : randomFeeds(first, { bindings: Object.fromEntries([...symbols].map((s) => [s, 1])) });
  const onRound = (done: number): void => host.event({ type: "progress", step: { name: "benchmark", index: 0, path: [0] }, atMs: 0, overall: done / rounds, fraction: done / rounds, elapsedMs: 0, etaMs: undefined });
  const { timings, machine } = await benchmark(loaded, feeds, { rounds, threads, signal: host.signal, onRound, runtime: ortRuntime() });
  return { kind: "benchmark", benchmark: plain({ timings: timings.map(({ name: model, median, spread, p5, p95, speedup, repeats }) => ({ model, median, spread, p5, p95, speedup, repeats })), machine }) };
}

/** Arrays named like the model's inputs, the first axis numbering the samples, cut into runs of `batch`. */
async function openData({ path, batch }: DataFile): Promise<Dataset> {
  const columns = await readNpz(path);
  return dataset(() => rows(columns, batch));
}

function* rows(columns: Readonly<Record<string, Tensor>>, batch: number): Iterable<Sample> {
  const count = Math.max(0, ...Object.values(columns).map((t) => t.dims[0] ?? 0));
  for (let from = 0; from < count; from += batch) {
    yield Object.fromEntries(Object.entries(columns).map(([name, t]) => [name, sliceRows(t, from, Math.min(count, from + batch))]));
  }
}

/** As JSON data: numbers that are not finite become null. */
const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null)) as Json;

/** Errors of ours keep their code; what others throw is told without a stack. */
export function failureOf(error: unknown): { code: string; message: string } {
  if (isLatheError(error)) return { code: error.code, message: error.message.slice(0, 4000) };
  return { code: "TASK_FAILED", message: (error instanceof Error ? error.message : String(error)).slice(0, 1000) };
}

