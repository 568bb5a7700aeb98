/**
 * One child process per task. It has a fresh folder, an environment of a few names, limits of memory and time, and lower priority. What it
 * says is size-capped and read as data. A child is started ahead of time, so that a task need not wait for one to come up; it does one
 * task and ends.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { setPriority } from "node:os";
import { join } from "node:path";
import type { Duplex, Writable } from "node:stream";
import type { RunEvent } from "@lathe/core";
import { gatewayErrors, problemFrom as problem } from "../errors.ts";
import { redact } from "../log.ts";
import { withoutPaths } from "../store/without-paths.ts";
import { MAX_LINE, type FromChild, type Task, type TaskResult } from "../task/protocol.ts";
import type { ChildProgram } from "./child-program.ts";
import type { Problem } from "./model.ts";

export type Isolation = "PROCESS" | "PROCESS_LIMITED";

export interface RunSettings {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
  readonly onStart?: (pid: number) => void;
}

export type Outcome =
  | { readonly result: TaskResult; readonly peakBytes: number }
  | { readonly problem: Problem; readonly peakBytes: number; /** The last it wrote, for the log alone. */ readonly stderr: string }
  | { readonly aborted: true; readonly peakBytes: number };

/** Without the folder, which the children choose. */
export type NewTask = Task extends infer T ? (T extends Task ? Omit<T, "folder" | "threads"> : never) : never;

export interface Children {
  readonly isolation: Isolation;
  /** Runs a task in a child. `use` gets the folder while its files are there. */
  run<T>(task: NewTask, settings: RunSettings, use: (outcome: Outcome, folder: string) => Promise<T>): Promise<T>;
  close(): void;
}

export interface ChildLimits {
  readonly memoryBytes: number;
  readonly threads: number;
  /** Of all threads together. */
  readonly cpuSeconds: number;
}

/** SIGTERM first; SIGKILL when that did nothing for so long. */
const GRACE_MS = 3000;
const WATCH_MS = 200;
/** The gateway goes first, but on a busy machine a child must still get on. */
const CHILD_NICE = 5;
const PAGE = 4096;
const prlimit = ["/usr/bin/prlimit", "/bin/prlimit"].find((path) => process.platform === "linux" && existsSync(path));

export function openChildren(scratch: string, limits: ChildLimits, program: ChildProgram): Children {
  let open = true;
  let standby: Child | undefined;
  const take = (): Child => {
    const child = standby && !standby.ended ? standby : new Child(limits, program);
    standby = undefined;
    return child;
  };
  const refill = (): void => {
    if (open) standby ??= new Child(limits, program);
  };
  refill();
  return {
    isolation: prlimit === undefined ? "PROCESS" : "PROCESS_LIMITED",
    async run(task, settings, use) {
      const folder = join(scratch, `task-${randomBytes(12).toString("hex")}`);
      await mkdir(folder, { mode: 0o700 });
      try {
        const done = await take().run({ ...task, ...("modules" in task ? { modules: program.modules } : {}), folder, threads: limits.threads } as Task, settings);
        return await use(done, folder);
      } finally {
        refill();
        await rm(folder, { recursive: true, force: true });
      }
    },
    close() {
      open = false;
      standby?.end();
    },
  };
}

class Child {
  ended = false;
  readonly #process: ChildProcess;
  readonly #limit: number;
  #stderr = "";
  /** The line that has begun, in the pieces that have come. */
  #said: string[] = [];
  #length = 0;
  #peak = 0;
  #reason: Problem | "aborted" | undefined;
  #result: TaskResult | undefined;
  #failure: Problem | undefined;
  #onEvent: (event: RunEvent) => void = () => {};
  readonly #exit: Promise<string>;
  readonly #lastWord: Promise<string>;
  #heardLastWord: (how: string) => void = () => {};

  constructor(limits: ChildLimits, program: ChildProgram) {
    this.#limit = limits.memoryBytes;
    const child = (this.#process = start(limits, program));
    this.#exit = new Promise((resolve) => {
      child.on("error", (error) => resolve(`it could not be started: ${error.message}`));
      child.on("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void this.#exit.then(() => (this.ended = true));
    this.#lastWord = new Promise((resolve) => (this.#heardLastWord = resolve));
    child.stderr!.on("data", (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-2000)));
    child.stdin!.on("error", () => {});
    const pipe = child.stdio[3] as Duplex;
    pipe.on("error", () => {});
    pipe.setEncoding("utf8");
    pipe.on("data", (chunk: string) => this.#hear(chunk));
    this.#hold(false);
  }

  async run(task: Task, { timeoutMs, signal, onEvent, onStart }: RunSettings): Promise<Outcome> {
    this.#hold(true);
    if (onEvent) this.#onEvent = onEvent;
    if (this.#process.pid !== undefined) onStart?.(this.#process.pid);
    const stop = (reason: Problem | "aborted", signalName: NodeJS.Signals): void => {
      this.#reason ??= reason;
      this.#process.kill(signalName);
    };
    let grace: NodeJS.Timeout | undefined;
    const abort = (): void => {
      stop("aborted", "SIGTERM");
      grace ??= setTimeout(() => stop("aborted", "SIGKILL"), GRACE_MS);
    };
    const clock = setTimeout(() => stop(problem(gatewayErrors.TIMED_OUT({ ms: timeoutMs })), "SIGKILL"), timeoutMs);
    const watch = setInterval(() => {
      this.#peak = Math.max(this.#peak, residentBytes(this.#process.pid));
      if (this.#peak > this.#limit) stop(problem(gatewayErrors.OUT_OF_MEMORY({ limit: this.#limit })), "SIGKILL");
    }, WATCH_MS);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    (this.#process.stdin as Writable).write(`${JSON.stringify(task)}\n`);
    // Its files are in place before it says so: its way out need not be waited for.
    const how = await Promise.race([this.#exit, this.#lastWord]);
    this.#process.kill("SIGKILL");
    clearTimeout(clock);
    clearTimeout(grace);
    clearInterval(watch);
    signal?.removeEventListener("abort", abort);
    return { ...this.#outcome(how), peakBytes: this.#peak, stderr: this.#stderr } as Outcome;
  }

  /** For a child that was not needed: it sees its stdin end. */
  end(): void {
    this.#process.stdin!.end();
    this.#process.kill("SIGKILL");
  }

  #outcome(how: string): { result: TaskResult } | { problem: Problem } | { aborted: true } {
    if (this.#reason === "aborted") return { aborted: true };
    if (this.#reason) return { problem: this.#reason };
    if (this.#result) return { result: this.#result };
    // Where the system enforces the limit, running out of memory is an error inside the child.
    const starved = noMemory.test(this.#failure?.message ?? this.#stderr);
    if (this.#failure && !starved) return { problem: this.#failure };
    return { problem: problem(starved ? gatewayErrors.OUT_OF_MEMORY({ limit: this.#limit }) : gatewayErrors.CHILD_CRASHED({ how, said: lastWords(this.#stderr) })) };
  }

  #hear(chunk: string): void {
    if (this.#length > MAX_LINE) return;
    for (const [i, piece] of chunk.split("\n").entries()) {
      if (i > 0) this.#endLine();
      this.#length += piece.length;
      if (this.#length > MAX_LINE) return this.#distrust(gatewayErrors.RESULT_TOO_LARGE({ limit: MAX_LINE }));
      this.#said.push(piece);
    }
  }

  /** Nothing that comes after is taken in, and its pieces are not kept. */
  #distrust(error: { readonly code: string; readonly message: string }): void {
    this.#reason ??= problem(error);
    this.#said = [];
    this.#length = Number.POSITIVE_INFINITY;
    this.#process.kill("SIGKILL");
  }

  /** A long line is put together once, not at each piece that comes: the gateway does other things meanwhile. */
  #endLine(): void {
    const line = this.#said.join("");
    this.#said = [];
    this.#length = 0;
    this.#take(line);
  }

  #take(line: string): void {
    let message: FromChild;
    try {
      message = JSON.parse(line) as FromChild;
    } catch {
      // Something else wrote into the pipe: the child cannot be believed any more.
      return void this.#process.kill("SIGKILL");
    }
    if ("event" in message) this.#onEvent(message.event);
    else if ("result" in message) {
      this.#result = message.result;
      this.#heardLastWord("done");
    } else if ("failure" in message) {
      this.#failure = { code: message.failure.code, message: message.failure.message };
      this.#heardLastWord("failed");
    }
  }

  /** A child that only stands by does not keep the program alive. */
  #hold(on: boolean): void {
    const things = [this.#process, this.#process.stdin, this.#process.stderr, this.#process.stdio[3]] as unknown as { ref(): void; unref(): void }[];
    for (const thing of things) if (on) thing.ref();
    else thing.unref();
  }
}

/** The end of what a child wrote, fit for whoever owns the job: no frames of stacks, no places in our file system, no secrets. The log has all of it. */
export const lastWords = (stderr: string): string =>
  redact(withoutPaths(stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("at ")).slice(-8).join(" | "))).slice(-500).replace(/[.\s]+$/, "");

const noMemory = /bad_?alloc|out of memory|Cannot allocate memory|ENOMEM|Array buffer allocation failed|Failed to allocate memory/i;

function start({ memoryBytes, cpuSeconds }: ChildLimits, { file, args, modules }: ChildProgram): ChildProcess {
  const heap = Math.max(64, Math.floor(memoryBytes / 2 ** 20));
  // It loads the modules ahead of its task.
  const node = [process.execPath, `--max-old-space-size=${heap}`, ...args, file, ...modules];
  // The data segment is what allocators take; core files of crashed engines are of no use here. Time of the processor is bounded for a child whose parent was killed and that is too deep in its work to see it.
  const command = prlimit === undefined ? node : [prlimit, `--data=${memoryBytes}`, `--cpu=${cpuSeconds}`, "--core=0", "--", ...node];
  const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "ignore", "pipe", "pipe"], env: environment(), shell: false });
  try {
    if (child.pid !== undefined) setPriority(child.pid, CHILD_NICE);
  } catch {
    // It has ended already, or the system does not let us: it runs at normal priority.
  }
  return child;
}

/** Nothing of the gateway's own environment (database addresses, keys) is passed on. */
function environment(): Record<string, string> {
  const passed = ["PATH", "LANG", "LD_LIBRARY_PATH", "SystemRoot", "TMPDIR", "TEMP"];
  return Object.fromEntries(passed.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

function residentBytes(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE;
  } catch {
    return 0;
  }
}
