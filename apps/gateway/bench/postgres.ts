/** A Postgres server of our own in a temporary folder, from the programs on this machine. */
import { execFileSync, spawn } from "node:child_process";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Postgres {
  readonly url: string;
  stop(): void;
}

/** Postgres refuses to run as root: there it runs as the user postgres. */
export async function startPostgres(): Promise<Postgres> {
  const home = mkdtempSync(join(tmpdir(), "lathe-pg-"));
  const root = process.getuid?.() === 0;
  const as = (command: string, args: readonly string[]): [string, string[]] => (root ? ["runuser", ["-u", "postgres", "--", command, ...args]] : [command, [...args]]);
  if (root) chownSync(home, Number(execFileSync("id", ["-u", "postgres"])), Number(execFileSync("id", ["-g", "postgres"])));
  const data = join(home, "data");
  const [initdb, initArgs] = as("initdb", ["-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"]);
  execFileSync(initdb, initArgs, { stdio: "ignore", cwd: home });
  const port = await freePort();
  const [postgres, args] = as("postgres", ["-D", data, "-p", String(port), "-k", home, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
  const server = spawn(postgres, args, { stdio: "ignore", cwd: home });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const { default: pg } = await import("pg");
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return {
    url,
    stop() {
      const [stop, stopArgs] = as("pg_ctl", ["-D", data, "-m", "immediate", "stop"]);
      try {
        execFileSync(stop, stopArgs, { stdio: "ignore", cwd: home });
      } catch {
        server.kill("SIGTERM");
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
