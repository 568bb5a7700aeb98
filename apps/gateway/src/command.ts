/** `lathe-gateway`: the gateway as a program. Also what `lathe serve` runs. */
import { isLatheError } from "@lathe/core";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { openKeys, scopes, type Scope } from "./auth.ts";
import { openDb } from "./db/open.ts";
import { createGateway, type Gateway, type GatewayOptions } from "./gateway.ts";
import type { Limits } from "./limits.ts";
import { makeSchema, schemaText } from "./schema/schema.ts";
import { openBlobs } from "./store/blobs.ts";
import { exportDump, importDump } from "./store/dump.ts";
import type { S3Options } from "./store/s3.ts";
import { loadOffer, standardModule } from "./techniques/offer.ts";

export const help = `Usage: lathe-gateway [start] [options]
       lathe-gateway schema [--technique <module>]
       lathe-gateway key --owner <name> [--scope read|write|admin] [--name <text>] [options]
       lathe-gateway export|import <dump folder> [options]

Starts the GraphQL gateway. At the first start it prints an admin key. "export" writes database and files into a new folder,
"import" reads them into an empty database: so a gateway moves from the embedded database to Postgres and back.

  --folder <path>      where files and the embedded database are kept (default: ./lathe-data)
  --s3 <url>           keep files in this bucket, https://server/bucket[/prefix]; keys in AWS_ACCESS_KEY_ID,
                       AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION
  --port <number>      default 4000
  --host <address>     default 127.0.0.1
  --public-url <url>   address by which clients reach it, when it is behind a proxy
  --workers <count>    jobs this process runs at once; 0: none (default: 1)
  --no-http            only a worker
  --technique <module> an installed package or file URL with more techniques; may be repeated
  --operations <file>  JSON of operations: keys without the scope admin run these alone
  --request-rate <n>   requests a second for one key (default: 100)
  --subscriptions <n>  event streams for one key (default: 100)
  --memory <bytes>     memory of one attempt (default: 4294967296)
  --attempt-ms <ms>    time of one attempt (default: 3600000)
  --development        GraphiQL at /graphql, field suggestions
  --help

DATABASE_URL makes it use that Postgres instead of the embedded database.`;

const options = {
  folder: { type: "string", default: "lathe-data" },
  s3: { type: "string" },
  port: { type: "string", default: "4000" },
  host: { type: "string", default: "127.0.0.1" },
  "public-url": { type: "string" },
  workers: { type: "string", default: "1" },
  "no-http": { type: "boolean", default: false },
  technique: { type: "string", multiple: true, default: [] as string[] },
  operations: { type: "string" },
  "request-rate": { type: "string" },
  subscriptions: { type: "string" },
  memory: { type: "string" },
  "attempt-ms": { type: "string" },
  development: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
  owner: { type: "string" },
  scope: { type: "string", default: "write" },
  name: { type: "string", default: "" },
} as const;

/** Ends the process on failure: 2 for a wrong command line, 1 otherwise. */
export async function main(args: readonly string[]): Promise<void> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${help}\n`);
    process.exit(2);
  }
  const { values, positionals } = parsed;
  if (values.help) return void process.stdout.write(`${help}\n`);
  const [command = "start", ...words] = positionals;
  const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
  const most = command === "export" || command === "import" ? 1 : 0;
  if (!run || words.length > most) {
    process.stderr.write(`${run ? `"${command}" does not take ${words.map((word) => `"${word}"`).join(", ")}` : `There is no command "${command}"`}.\n\n${help}\n`);
    process.exit(2);
  }
  try {
    await run(values, words[0]);
  } catch (error) {
    if (!isLatheError(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

const parse = (args: readonly string[]) => parseArgs({ args: [...args], options, allowPositionals: true });
type Values = ReturnType<typeof parse>["values"];

const settings = (values: Values): GatewayOptions => ({
  folder: values.folder,
  s3: values.s3 === undefined ? undefined : s3Of(values.s3),
  port: count(values.port, "--port"),
  host: values.host,
  publicUrl: values["public-url"],
  workers: count(values.workers, "--workers"),
  http: !values["no-http"],
  techniques: modules(values),
  development: values.development,
  operations: values.operations,
  limits: limitsOf(values),
  databaseUrl: process.env["DATABASE_URL"],
});

/** The address on the command line, the keys in the environment, where other programs of the kind look for them too. */
function s3Of(url: string): S3Options {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken, AWS_REGION: region } = process.env;
  if (accessKeyId && secretAccessKey) return { url, accessKeyId, secretAccessKey, sessionToken, region };
  process.stderr.write("--s3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.\n");
  process.exit(2);
}

function limitsOf(values: Values): Partial<Limits> {
  const rate = values["request-rate"];
  return {
    ...(rate === undefined ? {} : { requestsPerSecond: count(rate, "--request-rate"), requestBurst: 3 * count(rate, "--request-rate") }),
    ...(values.subscriptions === undefined ? {} : { subscriptions: count(values.subscriptions, "--subscriptions") }),
    ...(values.memory === undefined ? {} : { memoryBytes: count(values.memory, "--memory") }),
    ...(values["attempt-ms"] === undefined ? {} : { attemptMs: count(values["attempt-ms"], "--attempt-ms") }),
  };
}

const modules = (values: Values): string[] => [standardModule, ...values.technique];

function count(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && text.trim() !== "") return value;
  process.stderr.write(`${flag} expects a whole number, not "${text}".\n`);
  process.exit(2);
}

const commands: Readonly<Record<string, (values: Values, word: string | undefined) => Promise<void>>> = {
  start,
  key: makeKey,
  schema: async (values) => void process.stdout.write(schemaText(makeSchema(await loadOffer(modules(values))))),
  export: (values, folder) => dump("export", folder, values),
  import: (values, folder) => dump("import", folder, values),
};

async function start(values: Values): Promise<void> {
  const gateway = await createGateway(settings(values));
  const { firstToken, url } = gateway;
  if (firstToken) process.stdout.write(`Admin key, shown this once: ${firstToken}\n`);
  if (url) process.stdout.write(`Listening on ${url}\n`);
  stopOnSignal(gateway);
}

function stopOnSignal(gateway: Gateway): void {
  let asked = false;
  const stop = (): void => {
    // Asked twice: now.
    if (asked) process.exit(130);
    asked = true;
    void gateway.close().then(() => process.exit(0), () => process.exit(1));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

async function dump(direction: "export" | "import", folder: string | undefined, values: Values): Promise<void> {
  if (folder === undefined) {
    process.stderr.write(`${help}\n`);
    process.exit(2);
  }
  const { folder: home, databaseUrl, s3 } = settings(values);
  const db = await openDb({ url: databaseUrl, folder: resolve(home) });
  try {
    const { rows, files, bytes } = await (direction === "export" ? exportDump : importDump)({ db, blobs: await openBlobs(resolve(home), s3) }, resolve(folder));
    process.stdout.write(`${direction}ed ${rows} rows and ${files} files of ${bytes} bytes, all checked by their hashes\n`);
  } finally {
    await db.close();
  }
}

async function makeKey(values: Values): Promise<void> {
  if (!values.owner || !scopes.includes(values.scope as Scope)) {
    process.stderr.write(`${help}\n`);
    process.exit(2);
  }
  const { folder, databaseUrl } = settings(values);
  const db = await openDb({ url: databaseUrl, folder: resolve(folder) });
  try {
    const { token } = await openKeys(db).make({ name: values.name, owner: values.owner, scopes: [values.scope as Scope] });
    process.stdout.write(`${token}\n`);
  } finally {
    await db.close();
  }
}
