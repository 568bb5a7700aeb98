/** Entry of the child process that does one task. It is started ahead of time, waits for its task, and ends with its parent. */
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { failureOf, runTask } from "./run.ts";
import type { FromChild, Task } from "./protocol.ts";

const up = createWriteStream("", { fd: 3 });
const say = (message: FromChild): Promise<void> => new Promise((done) => void up.write(`${JSON.stringify(message)}\n`, () => done()));

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

async function work(task: Task): Promise<void> {
  try {
    const result = await runTask(task, { signal: abort.signal, event: (event) => void say({ event }) });
    await say({ result });
  } catch (error) {
    await say({ failure: failureOf(error) });
  }
  process.exit(0);
}
