/** Takes jobs from the engine and runs them, a few at a time. Heartbeats come from here, never from the process that computes. */
import { hostname } from "node:os";
import { isLatheError } from "@lathe/core";
import { problemFrom } from "../errors.ts";
import { newId } from "../ids.ts";
import type { Log } from "../log.ts";
import { traced } from "../ops/trace.ts";
import { publisher, taskOf, type AttemptHost } from "./attempt.ts";
import type { Children, NewTask, Outcome } from "./children.ts";
import { HEARTBEAT_MS, type JobEngine } from "./engine.ts";
import { eventSink } from "./event-sink.ts";
import type { Claim, Problem } from "./model.ts";

export interface WorkerOptions extends AttemptHost {
  readonly engine: JobEngine;
  readonly children: Children;
  readonly concurrency: number;
  readonly attemptMs: number;
  readonly drainMs: number;
  readonly log: Log;
  readonly onFinish?: (state: string, seconds: number) => void;
}

export interface Worker {
  readonly running: number;
  /** Takes no more jobs, lets running ones finish for a while, then hands them back. */
  stop(): Promise<void>;
}

/** Looked for jobs this often even without a notification. */
const LOOK_MS = 2000;
const SWEEP_MS = 5000;

interface Running {
  readonly claim: Claim;
  /** Ends the child. */
  readonly abort: AbortController;
  /** Why: asked for, lost to another worker, or handed back because the worker stops. */
  why: "cancel" | "lost" | "release" | undefined;
  done: Promise<void>;
}

export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { db, engine, concurrency, log } = options;
  const name = `${hostname()}-${process.pid}-${newId().slice(0, 6)}`;
  const running = new Map<string, Running>();
  let open = true;
  let looking: Promise<void> | undefined;
  let again = false;

  const look = (): void => {
    again = true;
    looking ??= (async () => {
      while (again && open) {
        again = false;
        while (open && running.size < concurrency) {
          const claim = await engine.claim(name, options.children.isolation);
          if (!claim) break;
          begin(claim);
        }
      }
    })().catch((error: unknown) => log.error("looking for jobs failed", { error })).finally(() => (looking = undefined));
  };
  const begin = (claim: Claim): void => {
    const entry: Running = { claim, abort: new AbortController(), why: undefined, done: Promise.resolve() };
    running.set(claim.job.id, entry);
    const facts = { "lathe.job": claim.job.id, "lathe.kind": claim.job.kind, "lathe.attempt": claim.attempt };
    entry.done = traced("lathe.attempt", facts, () => attempt(options, entry))
      .catch((error: unknown) => log.error("an attempt could not be recorded", { job: claim.job.id, error }))
      .finally(() => {
        running.delete(claim.job.id);
        look();
      });
  };
  const unlisten = await db.listen("lathe_job", (payload) => {
    const [state, id] = payload.split(" ");
    if (state === "QUEUED") look();
    const entry = running.get(id!);
    if (state === "CANCELLING" && entry) end(entry, "cancel");
  });
  const timers = [
    setInterval(look, LOOK_MS),
    setInterval(() => void beat(engine, running).catch((error: unknown) => log.warn("heartbeat failed", { error })), HEARTBEAT_MS / 2),
    setInterval(() => void engine.sweep().then((n) => n > 0 && log.warn("jobs of lost workers taken back", { count: n })).catch((error: unknown) => log.warn("sweep failed", { error })), SWEEP_MS),
  ];
  for (const timer of timers) timer.unref();
  // The database of one process: whatever runs there is a leftover of a process that died.
  await engine.sweep(db.tier !== "postgres");
  look();
  return {
    get running() {
      return running.size;
    },
    async stop() {
      open = false;
      for (const timer of timers) clearInterval(timer);
      await looking;
      const beats = setInterval(() => void beat(engine, running).catch(() => undefined), HEARTBEAT_MS / 2);
      await Promise.race([Promise.all([...running.values()].map((r) => r.done)), new Promise((resolve) => setTimeout(resolve, options.drainMs).unref())]);
      for (const entry of running.values()) end(entry, "release");
      await Promise.all([...running.values()].map((r) => r.done));
      clearInterval(beats);
      await unlisten();
    },
  };
}

function end(entry: Running, why: NonNullable<Running["why"]>): void {
  entry.why ??= why;
  entry.abort.abort();
}

async function beat(engine: JobEngine, running: ReadonlyMap<string, Running>): Promise<void> {
  for (const entry of running.values()) {
    const answer = await engine.heartbeat(entry.claim);
    if (answer !== "kept") end(entry, answer);
  }
}

async function attempt(options: WorkerOptions, entry: Running): Promise<void> {
  const { engine, children, log, attemptMs, onFinish } = options;
  const { claim, abort } = entry;
  const started = performance.now();
  const sink = eventSink(engine, claim, () => end(entry, "lost"));
  const tell = (state: string, fields: object = {}): void => {
    const seconds = (performance.now() - started) / 1000;
    log.info("attempt ended", { job: claim.job.id, attempt: claim.attempt, state, seconds, ...fields });
    onFinish?.(state, seconds);
  };
  let task: NewTask;
  try {
    task = await taskOf(options, claim.job);
  } catch (error) {
    const problem = problemOf(error);
    await engine.fail(claim, problem);
    return tell("FAILED", problem);
  }
  await children.run(task, { timeoutMs: attemptMs, signal: abort.signal, onEvent: sink.push }, async (outcome, folder) => {
    await sink.flush().catch(() => undefined);
    tell(await conclude(options, entry, outcome, folder), "problem" in outcome ? { ...outcome.problem, stderr: outcome.stderr } : {});
  });
}

async function conclude(options: WorkerOptions, { claim, why }: Running, outcome: Outcome, folder: string): Promise<string> {
  const { engine } = options;
  if (why === "lost") return "LOST";
  if (why === "cancel") return (await engine.cancelled(claim)) ? "CANCELLED" : "LOST";
  if ("result" in outcome) {
    const publish = await publisher(options, claim.job, outcome.result, folder);
    return (await engine.succeed(claim, publish, outcome.peakBytes)) ? "SUCCEEDED" : "LOST";
  }
  if (why === "release" || "aborted" in outcome) return (await engine.release(claim)) ? "RELEASED" : "LOST";
  return (await engine.fail(claim, outcome.problem, outcome.peakBytes)) ? "FAILED" : "LOST";
}

function problemOf(error: unknown): Problem {
  if (isLatheError(error)) return problemFrom(error);
  throw error;
}
