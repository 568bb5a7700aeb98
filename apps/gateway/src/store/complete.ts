/** Turns bytes that arrived into a model or a dataset. Models are read in a child process first: what cannot be read is refused here. */
import { demand, type App, type Ctx, type LaneName } from "../app.ts";
import { one } from "../db/db.ts";
import { gatewayErrors } from "../errors.ts";
import type { NewTask, Outcome } from "../jobs/children.ts";
import { join } from "node:path";
import { outputs, type TaskResult } from "../task/protocol.ts";
import { checkDataName, insertArtifact, insertModel, modelFiles, type ArtifactRow, type FileRef, type Manifest, type ModelRow } from "./models.ts";
import type { UploadRow } from "./uploads.ts";
import { withoutPaths } from "./without-paths.ts";

export interface ModelUpload {
  readonly name: string;
  readonly graph: string;
  readonly data: readonly { readonly upload: string; readonly name: string }[];
}

/** @throws INVALID_INPUT, NOT_FOUND, UPLOAD_MISSING, MODEL_INVALID, TIMED_OUT, OUT_OF_MEMORY, FORBIDDEN */
export async function completeModel(ctx: Ctx, { name, graph, data }: ModelUpload): Promise<ModelRow> {
  demand(ctx, "write");
  const { app, principal } = ctx;
  checkName("The name of a model", name);
  const names = data.map((d) => checkDataName(d.name));
  if (new Set(names).size < names.length) throw gatewayErrors.INVALID_INPUT({ at: "data", expected: "different names", received: names.join(", ") });
  const files: Manifest = { graph: await sent(ctx, graph), data: await Promise.all(data.map(async (d) => ({ ...(await sent(ctx, d.upload)), name: d.name }))) };
  const inspect = { kind: "inspect", model: modelFiles(app.blobs, files) } as const;
  const { stats, nodes } = await inChild(ctx, "reading", inspect, async (result, folder) => ({ ...result, nodes: await app.blobs.adopt(join(folder, outputs.graph)) }));
  return insertModel(app.db, { owner: principal.owner, name, files, stats, graphDigest: nodes.digest });
}

export async function completeDataset(ctx: Ctx, { name, file }: { name: string; file: string }): Promise<ArtifactRow> {
  demand(ctx, "write");
  checkName("The name of a dataset", name);
  return insertArtifact(ctx.app.db, { owner: ctx.principal.owner, kind: "DATASET", name, ...(await sent(ctx, file)) });
}

async function sent({ app, principal }: Ctx, upload: string): Promise<FileRef> {
  const row = await one<UploadRow>(app.db, "select * from upload where id = $1 and owner = $2", [upload, principal.owner]);
  if (!row) throw gatewayErrors.NOT_FOUND({ what: "upload", id: upload.slice(0, 100) });
  if (!row.received || (await app.blobs.size(row.digest)) === undefined) throw gatewayErrors.UPLOAD_MISSING({ digest: row.digest });
  return { digest: row.digest, size: row.size };
}

type ResultOf<K extends TaskResult["kind"]> = Extract<TaskResult, { kind: K }>;

/** Runs a short task for a request; `use` gets what it leaves in its folder. A failure of the model's own is MODEL_INVALID; the limits keep their codes. */
export async function inChild<K extends NewTask["kind"], T = ResultOf<K>>({ app, principal, signal }: Ctx, lane: LaneName, task: Extract<NewTask, { kind: K }>, use: (result: ResultOf<K>, folder: string) => Promise<T> = async (result) => result as T): Promise<T> {
  // Nobody waits for it any more: its turn goes to the next.
  const work = async (): Promise<{ value: T } | Outcome> => (signal.aborted ? { aborted: true, peakBytes: 0 } : app.children.run(task, { timeoutMs: app.limits.inspectMs, signal }, async (o: Outcome, folder) => {
    if (!("result" in o)) return o;
    if (o.result.kind !== task.kind) throw new Error(`The child answered with ${o.result.kind}.`);
    return { value: await use(o.result as ResultOf<K>, folder) };
  }));
  const outcome = await app.lanes[lane].run(principal.owner, work);
  if ("value" in outcome) return outcome.value;
  if ("problem" in outcome) throw refusalOf(app, outcome);
  throw gatewayErrors.TIMED_OUT({ ms: app.limits.inspectMs });
}

function refusalOf(app: App, { problem: { code, message }, stderr }: Extract<Outcome, { problem: unknown }>): Error {
  app.log.info("a file was refused", { code, message, stderr });
  if (code === "TIMED_OUT") return gatewayErrors.TIMED_OUT({ ms: app.limits.inspectMs });
  if (code === "OUT_OF_MEMORY") return gatewayErrors.OUT_OF_MEMORY({ limit: app.limits.memoryBytes });
  return gatewayErrors.MODEL_INVALID({ reason: withoutPaths(message) });
}

/** @throws INVALID_INPUT */
export function checkName(at: string, name: string): string {
  if (name.length < 1 || name.length > 200 || /\p{Cc}/u.test(name)) throw gatewayErrors.INVALID_INPUT({ at, expected: "1 to 200 printable characters", received: JSON.stringify(name.slice(0, 80)) });
  return name;
}
