/** A gateway for tests: database in memory, files in a temporary folder, a free port. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  const gateway = await createGateway({ folder, inMemory: true, port: 0, log: silentLog, techniques: [techniques], ...options });
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
