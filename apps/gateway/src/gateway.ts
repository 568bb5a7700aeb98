/** Puts the gateway together and takes it apart again. */
import { mkdir, rm, readdir } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { lane, type App } from "./app.ts";
import { openKeys, secretOf, type Keys } from "./auth.ts";
import type { Db } from "./db/db.ts";
import { openDb } from "./db/open.ts";
import { gatewayErrors } from "./errors.ts";
import { makeMetrics } from "./http/metrics.ts";
import { loadOperations } from "./http/operations.ts";
import { makeServer } from "./http/server.ts";
import { makeYoga } from "./http/yoga.ts";
import { childProgram } from "./jobs/child-program.ts";
import { openChildren } from "./jobs/children.ts";
import { openEngine } from "./jobs/engine.ts";
import { openEventHub } from "./jobs/events.ts";
import { startWorker, type Worker } from "./jobs/worker.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { jsonLog, type Log } from "./log.ts";
import { startCollector, type Collector } from "./ops/collect.ts";
import { makeSchema } from "./schema/schema.ts";
import { openBlobs } from "./store/blobs.ts";
import { withFiles } from "./store/bring.ts";
import type { S3Options } from "./store/s3.ts";
import { openRows } from "./store/rows.ts";
import { loadOffer, standardModule } from "./techniques/offer.ts";

export interface GatewayOptions {
  /** Modules that export the techniques on offer: package names or file URLs. Default: those of Lathe's own packages. */
  readonly techniques?: readonly string[];
  /** Where files, and the embedded database, are kept. Several gateways on one Postgres need one shared folder. */
  readonly folder: string;
  /** A Postgres server; default: the embedded database. */
  readonly databaseUrl?: string | undefined;
  /** A bucket for files; the folder then holds copies only, and gateways need not share it. */
  readonly s3?: S3Options | undefined;
  /** Keep the embedded database in memory: for tests. */
  readonly inMemory?: boolean;
  /** A dump of an empty embedded database, for a faster first start. */
  readonly databaseImage?: Blob | undefined;
  /** Default 127.0.0.1: reachable from this machine only. */
  readonly host?: string;
  /** Default 4000; 0 takes a free one. */
  readonly port?: number;
  readonly publicUrl?: string | undefined;
  /** Jobs that this process runs at once; 0: it only answers requests. Default 1. */
  readonly workers?: number;
  /** False: only a worker, without HTTP. Default true. */
  readonly http?: boolean;
  readonly limits?: Partial<Limits>;
  readonly log?: Log;
  /** GraphiQL and field suggestions. Default false. */
  readonly development?: boolean;
  /** A JSON file of operations: keys without the scope admin then run these alone. Default: any operation within the limits. */
  readonly operations?: string | undefined;
  /** The first admin key, when the database has none; default: a random one. */
  readonly firstToken?: string | undefined;
}

export interface Gateway {
  readonly url: string;
  /** The admin key that was made because there was none; it is not shown again. */
  readonly firstToken: string | undefined;
  readonly keys: Keys;
  /** @internal for tests */
  readonly app: App;
  /** Answers no more requests, lets running attempts finish for a while, hands the rest back. */
  close(): Promise<void>;
}

/** @throws STORE_IN_USE, STORE_VERSION, MIGRATION_AHEAD, TECHNIQUE_MODULE, TECHNIQUE_CLASH, OPERATIONS_FILE, LISTEN_FAILED */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { log = jsonLog(), workers = 1, host = "127.0.0.1", port = 4000 } = options;
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const folder = resolve(options.folder);
  const offer = await loadOffer(options.techniques ?? [standardModule]);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const db = await openDb({ url: options.databaseUrl, folder: options.inMemory ? undefined : folder, image: options.databaseImage });
  // What has to be stopped when a later part does not come up.
  const started: Partial<Parts> = {};
  try {
    const blobs = await openBlobs(folder, options.s3);
    // The embedded database belongs to this process alone, and so do the leftovers of one that died.
    if (db.tier !== "postgres") await clearTasks(blobs.scratch);
    const keys = openKeys(db);
    const firstToken = await keys.first(options.firstToken);
    const children = withFiles(openChildren(blobs.scratch, { ...limits, cpuSeconds: cpuSecondsOf(limits) }, await childProgram(offer.modules)), blobs);
    const engine = openEngine(db);
    started.children = children.close;
    const hub = await openEventHub(db);
    started.hub = hub.close;
    const app: App = { db, blobs, rows: openRows(db, blobs), engine, hub, children, offer, keys, limits, log, secret: await secretOf(db, "signing"), lanes: { reading: lane("files being read", 2, limits.reading), planning: lane("plans under way", 2, limits.planning) } };
    const metrics = makeMetrics(db);
    let ready = true;
    const collector = (started.collector = startCollector(app));
    const worker = workers > 0 ? await startWorker({ db, blobs, modules: offer.modules, engine, children, concurrency: workers, attemptMs: limits.attemptMs, drainMs: limits.drainMs, log, onFinish: metrics.attempt }) : undefined;
    started.worker = worker;
    const yoga = makeYoga({ app, schema: makeSchema(offer), development: options.development ?? false });
    const operations = options.operations === undefined ? undefined : await loadOperations(options.operations, yoga);
    const server = options.http === false ? undefined : await listen(makeServer({ app, yoga, metrics, ready: () => ready, publicUrl: options.publicUrl, operations }), host, port);
    const url = server ? `http://${host.includes(":") ? `[${host}]` : host}:${(server.address() as AddressInfo).port}` : "";
    log.info("started", { url, tier: db.tier, workers, techniques: offer.techniques.map((t) => t.name), isolation: children.isolation });
    const close = once(async () => {
      ready = false;
      log.info("stopping");
      await shutDown({ server, worker, db, hub: hub.close, children: children.close, collector });
      log.info("stopped");
    });
    return { url, firstToken, keys, app, close };
  } catch (error) {
    await shutDown({ db, ...started });
    throw error;
  }
}

interface Parts {
  server: Server | undefined;
  worker: Worker | undefined;
  db: Db;
  hub: () => Promise<void>;
  children: () => void;
  collector: Collector;
}

/** More than the longest task can use in its time: the watch of the clock comes first. */
const cpuSecondsOf = ({ attemptMs, inspectMs, threads }: Limits): number => Math.ceil(Math.max(attemptMs, inspectMs) / 1000) * (threads + 4) + 60;

async function clearTasks(scratch: string): Promise<void> {
  for (const name of await readdir(scratch)) if (name.startsWith("task-")) await rm(join(scratch, name), { recursive: true, force: true });
}

function listen(server: Server, host: string, port: number): Promise<Server> {
  return new Promise<Server>((done, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => done(server));
  }).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "EADDRINUSE" ? "another program listens there" : cause.message;
    throw gatewayErrors.LISTEN_FAILED({ host, port, reason }, cause);
  });
}

async function shutDown({ server, worker, db, hub, children, collector }: Partial<Parts> & Pick<Parts, "db">): Promise<void> {
  collector?.stop();
  const closed = server && new Promise((done) => void server.close(done));
  server?.closeIdleConnections();
  await worker?.stop();
  // Streams that are still open: their readers come back with the last number they saw.
  server?.closeAllConnections();
  await closed;
  children?.();
  await hub?.();
  await db.close();
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
