/** A gateway for tests: database in memory, files in a temporary folder, a free port. */
import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { connect, type Client } from "@lathe/gateway/client";
import { createGateway, silentLog, type Gateway, type GatewayOptions } from "@lathe/gateway";

export interface TestGateway {
  readonly gateway: Gateway;
  readonly token: string;
  readonly folder: string;
  close(): Promise<void>;
}

export const techniques = new URL("./techniques.ts", import.meta.url).href;

export async function startGateway(options: Partial<GatewayOptions> = {}): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), "lathe-gateway-"));
  const gateway = await createGateway({ folder, inMemory: true, port: 0, log: silentLog, techniques: [techniques], databaseImage: await image(), ...options });
  return {
    gateway,
    token: gateway.firstToken!,
    folder,
    async close() {
      await gateway.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An empty database, made once for all tests: making one takes seconds. Not packed, since it is read more often than it is written. */
export const image = (): Promise<Blob> => (empty ??= readImage());
let empty: Promise<Blob> | undefined;

async function readImage(): Promise<Blob> {
  const cache = new URL("../node_modules/.cache/", import.meta.url);
  const file = new URL("pglite-0.5.16.tar", cache);
  if (!existsSync(file)) {
    const db = await PGlite.create();
    await mkdir(cache, { recursive: true });
    const temporary = new URL(`${process.pid}.tmp`, cache);
    await writeFile(temporary, new Uint8Array(await (await db.dumpDataDir("none")).arrayBuffer()));
    await db.close();
    await rename(temporary, file);
  }
  return new Blob([await readFile(file)]);
}

export interface Reply<T = Record<string, never>> {
  readonly status: number;
  readonly data: T;
  readonly errors: readonly { readonly message: string; readonly extensions?: Readonly<Record<string, unknown>> }[];
  readonly headers: Headers;
}

/** Anything may be asked for in a test, so results are typed where they are used. */
export async function ask<T>({ gateway, token }: Pick<TestGateway, "gateway" | "token">, query: string, variables: Record<string, unknown> = {}): Promise<Reply<T>> {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = (await response.json()) as { data: T; errors?: Reply["errors"] };
  return { status: response.status, data, errors, headers: response.headers };
}

export const fixture = async (name: string): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await readFile(new URL(`../../../fixtures/models/${name}`, import.meta.url)));

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export interface Job {
  readonly id: string;
  readonly state: string;
}

/** Sends a model, by default a small one, and gives its id. */
export async function sendModel(g: Pick<TestGateway, "gateway" | "token">, bytes?: Uint8Array<ArrayBuffer>, name = "fashion"): Promise<string> {
  const client = connect({ url: g.gateway.url, token: g.token });
  return (await client.upload(bytes ?? (await fixture("fashion-mobilenet.onnx")), { name })).id;
}

export const clientOf = (g: Pick<TestGateway, "gateway" | "token">): Client => connect({ url: g.gateway.url, token: g.token });

/** Packs the example plugin and puts it into a project as a package manager would; only the registry is left out. */
export async function installPlugin(project: string): Promise<{ name: string; url: string }> {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const run = promisify(execFile);
  const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", project], { cwd: join(root, "examples/plugin") });
  const name = "lathe-technique-round-mantissa";
  const home = join(project, "node_modules", name);
  await mkdir(join(project, "node_modules", "@lathe"), { recursive: true });
  await mkdir(home);
  await run("tar", ["-xzf", join(project, stdout.trim()), "--strip-components=1", "-C", home]);
  await symlink(join(root, "packages/core"), join(project, "node_modules/@lathe/core"));
  await symlink(join(root, "node_modules/zod"), join(project, "node_modules/zod"));
  return { name, url: pathToFileURL(join(home, "src/index.js")).href };
}
