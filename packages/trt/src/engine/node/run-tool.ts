/** Runs a tool to its end, or ends it: by abort, by timeout, with all that it started. */
import { spawn, type ChildProcess } from "node:child_process";
import { engineErrors } from "../errors.ts";
import { diagnose, type Ending } from "../log/diagnose.ts";
import { logReader, type LogRecord } from "../log/reader.ts";
import type { Stage } from "../log/stages.ts";
import type { CallOptions } from "../reports.ts";

export interface ToolCall extends CallOptions {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly goal: string;
  readonly stages?: readonly Stage[];
}

/** Between the request to end and the end by force. */
const GRACE_MS = 3000;
/** After the end by force: a process within a call of the GPU's driver may not end at all, and nobody waits for that. */
const STUCK_MS = 10_000;
/** After the tool itself is gone, for streams that something it started still holds. */
const DRAIN_MS = 1000;

/**
 * @throws TRT_START, TRT_TIMEOUT, the abort's reason, and what {@link diagnose} makes of a tool that ends with another code than 0
 */
export async function runTool(call: ToolCall): Promise<LogRecord> {
  const { record, ending } = await end(call);
  if (ending.exitCode !== 0 || ending.signal !== null || record.banner?.result === "FAILED") throw diagnose(record, ending);
  return record;
}

/** Runs a tool, whatever it ends with. @throws TRT_START, TRT_TIMEOUT, the abort's reason */
export async function end({ path, argv, env, goal, stages = [], signal, timeoutMs, onProgress, onLog }: ToolCall): Promise<{ record: LogRecord; ending: Ending }> {
  signal?.throwIfAborted();
  const reader = logReader({ stages, onLine: onLog, onStage: (done, message) => onProgress?.({ done, total: stages.length, message }) });
  const child = start(path, argv, env);
  let stopped: "abort" | "timeout" | { readonly thrown: unknown } | undefined;
  let stuck: NodeJS.Timeout | undefined;
  const stop = (why: NonNullable<typeof stopped>): void => {
    if (stopped !== undefined) return;
    stopped = why;
    endGroup(child);
    stuck = setTimeout(() => leaveBehind(child), GRACE_MS + STUCK_MS);
  };
  // Listeners are the caller's: what they throw ends the tool, and is thrown where the caller waits.
  const push = (chunk: string, stream: 0 | 1): void => {
    try {
      reader.push(chunk, stream);
    } catch (thrown) {
      stop({ thrown });
    }
  };
  const abort = (): void => stop("abort");
  const leave = (): void => signalGroup(child, "SIGKILL");
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => stop("timeout"), timeoutMs);
  signal?.addEventListener("abort", abort);
  // The tool is in a group of its own, which a terminal's interrupt does not reach.
  process.on("exit", leave);
  try {
    const { exitCode, signal: ended } = await finished(child, push);
    if (typeof stopped === "object") throw (stopped as { readonly thrown: unknown }).thrown;
    reader.end();
    if (stopped === "abort") throw signal!.reason;
    if (stopped === "timeout") throw engineErrors.TRT_TIMEOUT({ goal, timeoutMs: timeoutMs!, argv: [path, ...argv], lastWords: reader.record.lastWords });
    return { record: reader.record, ending: { goal, exitCode, signal: ended, argv: [path, ...argv] } };
  } finally {
    clearTimeout(timer);
    clearTimeout(stuck);
    signal?.removeEventListener("abort", abort);
    process.off("exit", leave);
  }
}

/** Words, never a shell's text; a group of its own, so that what it starts ends with it. */
function start(path: string, argv: readonly string[], env: ToolCall["env"]): ChildProcess {
  try {
    return spawn(path, argv, { shell: false, detached: process.platform !== "win32", windowsHide: true, stdio: ["ignore", "pipe", "pipe"], env: { ...env } });
  } catch (cause) {
    throw engineErrors.TRT_START({ path, reason: reasonOf(cause) }, cause);
  }
}

function finished(child: ChildProcess, push: (chunk: string, stream: 0 | 1) => void): Promise<{ exitCode: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    child.on("error", (cause) => reject(engineErrors.TRT_START({ path: child.spawnfile, reason: reasonOf(cause) }, cause)));
    ([child.stdout, child.stderr] as const).forEach((stream, at) => {
      // Where file descriptors have run out there are none, and an "error" event follows.
      stream?.setEncoding("utf8");
      stream?.on("data", (chunk: string) => push(chunk, at as 0 | 1));
      stream?.on("error", () => undefined);
    });
    child.on("exit", () => {
      setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, DRAIN_MS).unref();
    });
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal }));
  });
}

function endGroup(child: ChildProcess): void {
  signalGroup(child, "SIGTERM");
  const force = setTimeout(() => signalGroup(child, "SIGKILL"), GRACE_MS);
  child.on("close", () => clearTimeout(force));
}

/** The promise of its end is kept in its place, and nothing holds this process up. */
function leaveBehind(child: ChildProcess): void {
  child.unref();
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.emit("close", null, "SIGKILL");
}

function signalGroup(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // It is gone already.
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? ("code" in error && typeof error.code === "string" ? error.code : error.message) : String(error));
