/**
 * One owner per data folder. The owner listens on a socket in the folder; a second process finds somebody answering and is refused. A
 * socket nobody answers on is left from a killed process and is taken over. On Linux an abstract socket, which the kernel frees with its
 * process, guards the take-over. The living are never robbed: there is no time limit and no guessing from process numbers.
 */
import { open, rm, stat, type FileHandle } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join, resolve } from "node:path";
import { gatewayErrors } from "../errors.ts";

export interface Lock {
  release(): Promise<void>;
}

/** Unix socket paths are limited to about 108 bytes. */
const MAX_SOCKET_PATH = 100;

/** @throws STORE_IN_USE */
export async function lockFolder(folder: string): Promise<Lock> {
  const servers: Server[] = [];
  const release = async (): Promise<void> => {
    for (const server of servers) await new Promise((done) => void server.close(done));
  };
  const refuse = (pid: string): Error => gatewayErrors.STORE_IN_USE({ folder, holder: pid === "" ? "another process" : `process ${pid}` });
  try {
    const linux = process.platform === "linux";
    if (linux) {
      const { dev, ino } = await stat(folder, { bigint: true });
      const name = `\0lathe-gateway-${dev}-${ino}`;
      servers.push((await listen(name)) ?? fail(refuse((await ask(name)) ?? "")));
    }
    const path = socketPath(folder);
    if (path !== undefined) servers.push(await own(path, refuse, linux));
    return { release };
  } catch (error) {
    await release();
    throw error;
  }
}

function socketPath(folder: string): string | undefined {
  if (process.platform === "win32") return `\\\\.\\pipe\\lathe-${Buffer.from(resolve(folder)).toString("base64url")}`;
  const path = join(resolve(folder), "owner.sock");
  return path.length <= MAX_SOCKET_PATH || process.platform !== "linux" ? path : undefined;
}

/** `alone`: only this process can be here, so it may clear away the address of a dead one without further ado. */
async function own(path: string, refuse: (pid: string) => Error, alone: boolean): Promise<Server> {
  const server = await listen(path);
  if (server) return server;
  const pid = await ask(path);
  if (pid !== undefined) throw refuse(pid);
  return alone ? takeOver(path, refuse) : guarded(`${path}.takeover`, refuse, () => takeOver(path, refuse));
}

async function takeOver(path: string, refuse: (pid: string) => Error): Promise<Server> {
  if ((await ask(path)) !== undefined) throw refuse("");
  await rm(path, { force: true });
  return (await listen(path)) ?? fail(refuse(""));
}

/** Of those that see a dead owner at once exactly one goes on. A process that is killed in here leaves the guard; where it can be helped, none is used. */
async function guarded<T>(guard: string, refuse: (pid: string) => Error, work: () => Promise<T>): Promise<T> {
  let handle: FileHandle;
  try {
    handle = await open(guard, "wx");
  } catch {
    throw refuse(`that is taking it over just now (if none is, delete ${guard})`);
  }
  try {
    return await work();
  } finally {
    await handle.close();
    await rm(guard, { force: true });
  }
}

/** A listening server that tells who it is; undefined when the address is taken. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((done, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(String(process.pid));
    });
    server.on("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? done(undefined) : reject(error)));
    server.listen(path, () => done(server.unref()));
  });
}

/** The owner's process id ("" when it takes the call but is too busy to answer); undefined when nobody is there. */
function ask(path: string): Promise<string | undefined> {
  return new Promise((done) => {
    let text = "";
    const socket = connect(path);
    socket.setTimeout(1000, () => {
      socket.destroy();
      done(text);
    });
    socket.on("data", (chunk) => (text += chunk.toString()));
    socket.on("end", () => done(text));
    socket.on("error", (error: NodeJS.ErrnoException) => done(error.code === "ECONNREFUSED" || error.code === "ENOENT" ? undefined : text));
  });
}

function fail(error: Error): never {
  throw error;
}
