/** A worker thread: the event loop stays free. It shares the process: a native crash takes everything with it. */
import { Worker } from "node:worker_threads";
import type { Reply, Request } from "../engine/protocol.ts";
import { messageOf, type RawTensors } from "../engine/raw.ts";
import type { Channel, Exit, Placement } from "./channel.ts";
import { workerEntry } from "./entry.ts";

/** Longest wait at the end of the program for a thread inside ONNX Runtime. */
const EXIT_WAIT_MS = 60_000;

/** Flags of threads that may be inside a native call; ONNX Runtime aborts the whole process when its thread is torn down there. */
const running = new Set<Int32Array>();
let guarded = false;

function guardExit(): void {
  if (guarded) return;
  guarded = true;
  process.on("exit", () => {
    for (const flag of running) Atomics.wait(flag, 0, 1, EXIT_WAIT_MS);
  });
}

export const threadPlacement: Placement = { kind: "thread", open: openThread };

function openThread(): Channel {
  guardExit();
  const busy = new SharedArrayBuffer(4);
  const flag = new Int32Array(busy);
  running.add(flag);
  const worker = spawn(busy);
  let failure: string | undefined;
  const exit = new Promise<Exit>((resolve) => {
    worker.on("error", (error) => (failure = messageOf(error)));
    worker.on("exit", (exitCode) => {
      running.delete(flag);
      resolve({ exitCode, signal: null, stderr: failure ?? "", ...(failure === undefined ? {} : { startError: failure }) });
    });
  });
  const post = (request: Request, move: readonly ArrayBuffer[]): void => {
    const slim = slimFeeds(request);
    worker.postMessage(slim.request, [...move, ...slim.move]);
  };
  return {
    post,
    onReply: (take) => void worker.on("message", (reply: Reply) => take(reply)),
    onExit: (take) => void exit.then(take),
    hold: (on) => (on ? worker.ref() : worker.unref()),
    abandon: () => post({ op: "exit" }, []),
    async close() {
      worker.ref();
      post({ op: "exit" }, []);
      await exit;
    },
  };
}

function spawn(busy: SharedArrayBuffer): Worker {
  const { url, loader } = workerEntry();
  const options = { workerData: { busy }, execArgv: [] };
  if (!loader) return new Worker(url, options);
  // Loaders given on the command line do not reach a worker's entry in Node 20, so the entry is imported by a line of JavaScript.
  const code = `import(${JSON.stringify(loader.api)}).then((tsx) => { tsx.register(); return import(${JSON.stringify(url.href)}); })`;
  return new Worker(code, { ...options, eval: true });
}

/** A message takes along the whole buffer that a view looks at, perhaps a model file: feeds that view part of one are cut out first. */
function slimFeeds(request: Request): { request: Request; move: ArrayBuffer[] } {
  if (request.op !== "run") return { request, move: [] };
  const move: ArrayBuffer[] = [];
  const feeds: RawTensors = {};
  for (const [name, tensor] of Object.entries(request.feeds)) {
    const { data } = tensor;
    const partial = data instanceof Uint8Array && data.byteLength < data.buffer.byteLength;
    const own = partial ? new Uint8Array(data) : data;
    if (partial) move.push((own as Uint8Array).buffer as ArrayBuffer);
    feeds[name] = { ...tensor, data: own };
  }
  return { request: { ...request, feeds }, move };
}
