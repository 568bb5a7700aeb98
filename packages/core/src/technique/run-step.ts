/** Runs one step: checks its services and expectations, applies the technique, checks the result, records what happened. */
import { isLatheError, LatheError } from "../errors.ts";
import type { Model } from "../ir/model.ts";
import type { OpTable } from "../ops/op.ts";
import { random } from "../random.ts";
import { modelSize, type ModelSize } from "../stats-size.ts";
import { techniqueErrors } from "./errors.ts";
import type { RunEvent, StepRef } from "./events.ts";
import type { Lent, Progress, ServiceName, Services } from "./services.ts";
import type { Json, Metrics, Predicate, Step, StepResult, TechniqueContext, TechniqueResult, Warning } from "./contract.ts";
import { checkStep, valueText } from "./technique.ts";
import { nextTurn } from "./turn.ts";

/** What a run lends to all of its steps. */
export interface Host {
  readonly ops: OpTable;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly services: Lent<never>;
  /** Number of steps of the pipeline. */
  readonly count: number;
  emit(event: RunEvent): void;
  /** Milliseconds since the run began. */
  now(): number;
}

/** One step in the report. */
export interface StepRecord {
  readonly name: string;
  readonly options: Json;
  readonly seed: number;
  readonly before: ModelSize;
  readonly after: ModelSize;
  readonly elapsedMs: number;
  readonly metrics: Metrics;
  readonly details: Json;
  readonly warnings: readonly Warning[];
  /** Steps run inside this one, in order. */
  readonly steps: readonly StepRecord[];
}

export interface StepOutcome extends StepResult {
  readonly record: StepRecord;
}

/**
 * @throws the technique's own error, its code kept and its message preceded by the step; STEP_FAILED for errors of others;
 * ABORTED when the signal was aborted.
 */
export async function runStep(step: Step, model: Model, host: Host, path: readonly number[]): Promise<StepOutcome> {
  try {
    return await applyStep(step, model, host, path);
  } catch (error) {
    throw host.signal.aborted ? abortError(step.name, path, host.signal) : stepError(step.name, path, error);
  }
}

async function applyStep(step: Step, model: Model, host: Host, path: readonly number[]): Promise<StepOutcome> {
  checkStep(step);
  const { technique } = step;
  const desk = openDesk(step, host, path);
  desk.emit({ type: "start" });
  for (const service of technique.needs) need(step.name, host.services, service);
  const options = await step.options;
  await checkAll(technique.expects, model, options, (reason) => techniqueErrors.EXPECTATION_FAILED({ technique: step.name, reason }));
  const before = modelSize(model);
  const result = resultOf(step.name, await technique.apply(model, options, desk.ctx));
  host.signal.throwIfAborted();
  const made = result.model ?? model;
  await checkAll(technique.ensures, made, options, (reason) => techniqueErrors.PROMISE_BROKEN({ technique: step.name, reason }));
  const { metrics = {}, details = null } = result;
  const elapsedMs = desk.elapsed();
  desk.emit({ type: "end", elapsedMs, metrics, details });
  const { seed, warnings, records } = desk;
  const record = { name: step.name, options: jsonOf(options), seed, before, after: modelSize(made), elapsedMs, metrics, details, warnings, steps: records };
  return { model: made, metrics, details, record };
}

type Told = { [T in RunEvent["type"]]: Omit<Extract<RunEvent, { type: T }>, "step" | "atMs" | "overall"> }[RunEvent["type"]];

interface Desk {
  readonly ctx: TechniqueContext<ServiceName>;
  readonly seed: number;
  readonly warnings: Warning[];
  readonly records: StepRecord[];
  elapsed(): number;
  emit(told: Told): void;
}

/** The context of one step and what is noted while it runs. */
function openDesk(step: Step, host: Host, path: readonly number[]): Desk {
  const startedAt = host.now();
  const ref: StepRef = { name: step.name, index: path.at(-1)!, path };
  const seed = random(host.seed).fork(path.join(".")).uint32();
  const warnings: Warning[] = [];
  const records: StepRecord[] = [];
  let fraction = 0;
  let runs = 0;

  const elapsed = (): number => host.now() - startedAt;
  const emit = (told: Told): void => {
    const done = told.type === "end" ? 1 : fraction;
    // A step inside another one reports the place of the outer step: only the outer one knows its own share.
    const overall = (path[0]! + (path.length === 1 ? done : 0)) / host.count;
    host.emit({ ...told, step: ref, atMs: host.now(), overall });
  };
  const progress = (told: Progress): void => {
    host.signal.throwIfAborted();
    const share = fractionOf(told);
    fraction = Math.max(fraction, share ?? 0);
    const elapsedMs = elapsed();
    const etaMs = share !== undefined && share > 0 ? (elapsedMs * (1 - share)) / share : undefined;
    emit({ type: "progress", ...(typeof told === "number" ? {} : told), fraction: share, elapsedMs, etaMs });
  };
  const ctx: TechniqueContext<ServiceName> = {
    ops: host.ops,
    seed,
    random: random(seed),
    signal: host.signal,
    progress,
    warn(warning) {
      warnings.push(warning);
      emit({ type: "warn", warning });
    },
    async turn() {
      await nextTurn();
      host.signal.throwIfAborted();
    },
    // `applyStep` has checked that all declared services are there.
    services: host.services as Lent<ServiceName>,
    need: (service) => need(step.name, host.services, service),
    steps: step.steps,
    async run(inner, model) {
      const { record, ...result } = await runStep(inner, model, host, [...path, runs++]);
      records.push(record);
      return result;
    },
  };
  return { ctx, seed, warnings, records, elapsed, emit };
}

function need<K extends ServiceName>(technique: string, services: Lent<never>, service: K): Services[K] {
  const found: Services[K] | undefined = (services as Partial<Services>)[service];
  if (found === undefined) throw techniqueErrors.SERVICE_MISSING({ technique, service, lent: Object.keys(services) });
  return found;
}

async function checkAll(predicates: readonly Predicate<never>[], model: Model, options: unknown, fail: (reason: string) => LatheError): Promise<void> {
  for (const predicate of predicates) {
    const reason = await (predicate as Predicate)(model, options);
    if (reason !== undefined) throw fail(reason);
  }
}

function fractionOf(told: Progress): number | undefined {
  const share = typeof told === "number" ? told : told.total === undefined ? undefined : told.total === 0 ? 1 : told.done / told.total;
  return share === undefined || Number.isNaN(share) ? undefined : Math.min(1, Math.max(0, share));
}

/** By shape: two copies of core may meet in one tree. */
function resultOf(technique: string, result: unknown): TechniqueResult {
  if (result === undefined) return {};
  const made = (result as TechniqueResult | null)?.model;
  const isResult = typeof result === "object" && result !== null && !("graph" in result);
  const isModel = made === undefined || (typeof made === "object" && "graph" in made && "opsetImports" in made);
  if (!isResult || !isModel) throw techniqueErrors.TECHNIQUE_RESULT({ technique, received: valueText(isResult ? made : result) });
  return result as TechniqueResult;
}

/** "2", or "2.1" for the first step inside the second; counted from 1, as people do. */
const positionOf = (path: readonly number[]): string => path.map((i) => i + 1).join(".");

export function abortError(step: string, path: readonly number[], signal: AbortSignal): LatheError {
  const error = techniqueErrors.ABORTED({ step, position: positionOf(path) }, signal.reason);
  error.name = "AbortError";
  return error;
}

function stepError(step: string, path: readonly number[], error: unknown): LatheError {
  const position = positionOf(path);
  if (!isLatheError(error)) {
    return techniqueErrors.STEP_FAILED({ step, position, reason: error instanceof Error ? error.message : String(error) }, error);
  }
  // The innermost step has already named itself.
  if (typeof error.details["step"] === "string") return error;
  const { code, remedy, details } = error;
  const said = error.message.startsWith(`${code}: `) ? error.message.slice(code.length + 2) : error.message;
  const sentence = said.endsWith(` ${remedy}`) ? said.slice(0, -remedy.length - 1) : said;
  return new LatheError({ code, message: `Step ${position} "${step}": ${sentence}`, remedy, details: { ...details, step, position }, cause: error });
}

/**
 * A value as JSON data; what JSON cannot hold is named: numbers that are not finite as text, functions by name, typed arrays by type and
 * length, and what contains itself as "<circular>".
 */
export function jsonOf(value: unknown): Json {
  if (value === undefined) return null;
  /** The objects around the present one. */
  const around: unknown[] = [];
  const text = JSON.stringify(value, function (this: unknown, _: string, v: unknown) {
    if (typeof v !== "object" || v === null) return plainOf(v);
    if (ArrayBuffer.isView(v)) return `<${v.constructor.name} of ${"length" in v ? String(v.length) : v.byteLength}>`;
    while (around.length > 0 && around.at(-1) !== this) around.pop();
    if (around.includes(v)) return "<circular>";
    around.push(v);
    return v;
  });
  return text === undefined ? `<${typeof value}>` : (JSON.parse(text) as Json);
}

function plainOf(v: unknown): unknown {
  if (typeof v === "bigint" || (typeof v === "number" && !Number.isFinite(v))) return String(v);
  return typeof v === "function" ? `<function ${v.name || "anonymous"}>` : v;
}
