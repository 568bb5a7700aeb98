/** Gateway processes that can be killed and come back. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

/** How a process is started: from the build where `built`, else from the sources. */
export function programOf(built: boolean): string[] {
  const main = fileURLToPath(new URL(built ? "../dist/main.js" : "../src/main.ts", import.meta.url));
  if (!existsSync(main)) throw new Error("There is no build: npx turbo run build --filter=@lathe/gateway");
  return built ? [main] : ["--import", pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href, "--conditions=@lathe/source", main];
}

export interface Member {
  readonly name: string;
  readonly pid: number | undefined;
  /** Has come up since it was last killed. */
  readonly up: boolean;
  /** Has ended without ever coming up. */
  readonly stillborn: boolean;
  /** What it has printed so far. */
  said(): string;
  kill(): void;
  /** Its task processes. */
  children(): number[];
  stop(): Promise<void>;
}

/**
 * Starts a gateway or worker; when it dies without having been stopped it is started again, as a supervisor would, unless it never came up. It has a process group
 * of its own: an interrupt from the terminal is for whoever started it. `hear` gets what it prints.
 */
export function member(name: string, program: readonly string[], args: readonly string[], env: Readonly<Record<string, string>> = {}, hear: (text: string) => void = () => {}): Member {
  let child: ChildProcess;
  let text = "";
  let open = true;
  let ended: Promise<void>;
  let up = false;
  let lived = false;
  let stillborn = false;
  const start = (): void => {
    up = false;
    child = spawn(process.execPath, [...program, ...args], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
    for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-200_000);
      hear(chunk.toString());
      if (chunk.includes('"message":"started"')) up = lived = true;
    });
    ended = new Promise((resolve) => child.on("close", () => {
      stillborn = open && !lived;
      if (open && lived) start();
      resolve();
    }));
  };
  start();
  process.on("exit", () => child.kill("SIGKILL"));
  return {
    name,
    get pid() {
      return child.pid;
    },
    get up() {
      return up;
    },
    get stillborn() {
      return stillborn;
    },
    said: () => text,
    kill: () => void child.kill("SIGKILL"),
    children: () => childrenOf(child.pid),
    async stop() {
      open = false;
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function childrenOf(parent: number | undefined): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("task/child");
    } catch {
      return false;
    }
  });
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 120_000): Promise<void> {
  for (const end = Date.now() + ms; !(await holds()); ) {
    if (Date.now() > end) throw new Error(`Waited ${ms} ms in vain for: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
