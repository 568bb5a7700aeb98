/** A child process: a crash, a hang or the system's out-of-memory killer costs the child alone. */
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Duplex, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { messageReader, packMessage } from "../engine/frame.ts";
import type { Reply } from "../engine/protocol.ts";
import { messageOf } from "../engine/raw.ts";
import type { Channel, Exit, Placement } from "./channel.ts";
import { workerEntry } from "./entry.ts";

export interface ProcessOptions {
  /** Bytes of resident memory above which the child is ended with ORT_OUT_OF_MEMORY; Linux only. Looked at four times a second. */
  readonly memoryLimit?: number | undefined;
  /** Environment of the child; default: the caller's. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly onStart?: ((pid: number) => void) | undefined;
}

const STDERR_KEPT = 2000;
const WATCH_MS = 250;

export const processPlacement = (options: ProcessOptions): Placement => ({ kind: "process", open: () => openProcess(options) });

function openProcess(options: ProcessOptions): Channel {
  const child = start(options);
  const pipe = child.stdio?.[3] as Duplex | undefined;
  if (!pipe) return neverStarted(child);
  // A child that dies in the middle of a write is told by its exit.
  pipe.on("error", () => {});
  const watch = watchMemory(child, options.memoryLimit);
  const exit = exitOf(child, watch);
  if (child.pid !== undefined) options.onStart?.(child.pid);
  let take: (reply: Reply) => void = () => {};
  const read = messageReader((message) => take(message as Reply));
  pipe.on("data", (chunk: Buffer) => {
    try {
      read(chunk);
    } catch {
      // What is no message means that something else wrote into the pipe: the child cannot be trusted any more.
      child.kill("SIGABRT");
    }
  });
  const post: Channel["post"] = (request) => {
    for (const piece of packMessage(request)) pipe.write(piece);
  };
  return {
    post,
    onReply: (f) => (take = f),
    onExit: (f) => void exit.then(f),
    hold: (on) => holdAll(on, child, pipe, child.stderr),
    abandon: () => void child.kill("SIGKILL"),
    async close() {
      holdAll(true, child, pipe, child.stderr);
      post({ op: "exit" }, []);
      await exit;
    },
  };
}

/** Where file descriptors have run out, Node gives a child without pipes, and then its "error" event. */
function neverStarted(child: ChildProcess): Channel {
  const exit = new Promise<Exit>((resolve) => {
    child.on("error", (error) => resolve({ exitCode: null, signal: null, stderr: "", startError: messageOf(error) }));
  });
  return { post: () => {}, onReply: () => {}, onExit: (f) => void exit.then(f), hold: () => {}, abandon: () => {}, close: async () => void (await exit) };
}

function start({ env = process.env }: ProcessOptions): ChildProcess {
  const { url, loader } = workerEntry();
  const args = [...(loader ? ["--import", loader.flag] : []), fileURLToPath(url)];
  return spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe", "pipe"], env: { ...env } });
}

function exitOf(child: ChildProcess, watch: { overLimit: number | undefined; stop(): void }): Promise<Exit> {
  let stderr = "";
  (child.stderr as Readable).on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT)));
  return new Promise((resolve) => {
    const end = (exitCode: number | null, signal: string | null, startError?: string): void => {
      watch.stop();
      const { overLimit } = watch;
      resolve({ exitCode, signal, stderr: stderr.trim(), ...(overLimit === undefined ? {} : { overLimit }), ...(startError === undefined ? {} : { startError }) });
    };
    child.on("error", (error) => end(null, null, messageOf(error)));
    // "close" comes when stderr has been read to its end.
    child.on("close", end);
  });
}

function watchMemory(child: ChildProcess, limit: number | undefined): { overLimit: number | undefined; stop(): void } {
  const watch = { overLimit: undefined as number | undefined, stop: (): void => clearInterval(timer) };
  const look = (): void => {
    if (limit === undefined || residentBytes(child.pid) <= limit) return;
    watch.overLimit = limit;
    child.kill("SIGKILL");
  };
  const timer = limit === undefined ? undefined : setInterval(look, WATCH_MS);
  timer?.unref();
  return watch;
}

/** 0 when the system does not tell. */
function residentBytes(pid: number | undefined): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Streams of a child are sockets underneath, though their types do not say so. */
function holdAll(on: boolean, ...things: readonly unknown[]): void {
  for (const thing of things as readonly { ref(): void; unref(): void }[]) if (on) thing.ref();
  else thing.unref();
}
