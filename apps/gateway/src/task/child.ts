/** Entry of the child process that does one task. It is started ahead of time, waits for its task, and ends with its parent. */
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import type { RunEvent } from "@lathe/core";
import { failureOf, runTask } from "./run.ts";
import type { FromChild, Task } from "./protocol.ts";

const up = createWriteStream("", { fd: 3 });
const say = (message: FromChild): Promise<void> => new Promise((done) => void up.write(`${JSON.stringify(message)}\n`, () => done()));

/** A task that comes sooner than that does not wait for what it may not need. */
const PREPARE_MS = 100;

const abort = new AbortController();
process.on("SIGTERM", () => abort.abort(new Error("cancelled")));
// The parent decides about interrupts of the terminal.
process.on("SIGINT", () => {});

const lines = createInterface({ input: process.stdin });
let started = false;
lines.on("line", (line) => {
  if (started) return;
  started = true;
  void work(JSON.parse(line) as Task);
});
// The parent holds stdin open as long as it lives.
lines.on("close", () => process.exit(started ? 70 : 0));
await say({ ready: true });
// While it stands by it loads what most tasks import. A module that cannot be loaded fails the task, not the standing by.
setTimeout(() => void prepare(), PREPARE_MS).unref();

async function prepare(): Promise<void> {
  for (const load of [() => import("./optimize.ts"), ...process.argv.slice(2).map((module) => () => import(module) as Promise<unknown>)]) {
    if (started) return;
    await load().catch(() => undefined);
  }
}

/** Details of a step may be long, and are in the report. */
const brief = (event: RunEvent): RunEvent => (event.type === "end" ? { ...event, details: null } : event);

async function work(task: Task): Promise<void> {
  try {
    const result = await runTask(task, { signal: abort.signal, event: (event) => void say({ event: brief(event) }) });
    await say({ result });
  } catch (error) {
    await say({ failure: failureOf(error) });
  }
  process.exit(0);
}
