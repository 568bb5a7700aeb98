/** The files of the web studio: three, read once. They hold no secret; what the studio shows it asks for with the user's key. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { refuse, type Req, type Res } from "./respond.ts";

interface StudioFile {
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly packed: Uint8Array;
  readonly etag: string;
}

const types: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "studio.js": "text/javascript; charset=utf-8",
  "studio.css": "text/css; charset=utf-8",
};

/** Everything from here, nothing inline, nothing from elsewhere. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

let files: Promise<ReadonlyMap<string, StudioFile>> | undefined;

export async function studioFile(req: Req, res: Res, path: string): Promise<void> {
  const file = (await (files ??= load())).get(path === "/" ? "index.html" : path.slice(1));
  if (!file) return refuse(res, 404, "NOT_FOUND", "The studio was not built.");
  const { type, bytes, packed, etag } = file;
  const headers = { "content-security-policy": POLICY, "cross-origin-opener-policy": "same-origin", "cache-control": "no-cache", vary: "accept-encoding", etag };
  if (req.headers["if-none-match"] === etag) return void res.writeHead(304, headers).end();
  const small = /\bgzip\b/.test(String(req.headers["accept-encoding"] ?? ""));
  const body = small ? packed : bytes;
  res.writeHead(200, { ...headers, "content-type": type, "content-length": String(body.length), ...(small ? { "content-encoding": "gzip" } : {}) });
  res.end(body);
}

async function load(): Promise<ReadonlyMap<string, StudioFile>> {
  const made = [...(await (import.meta.url.endsWith(".ts") ? bundled() : built()))];
  return new Map(made.map(([name, bytes]) => [name, { type: types[name]!, bytes, packed: gzipSync(bytes, { level: 9 }), etag: `"${createHash("sha256").update(bytes).digest("base64url")}"` }]));
}

/** From the sources: in a checkout there is a bundler, in the published package there are the files. */
async function bundled(): Promise<ReadonlyMap<string, Uint8Array>> {
  const { bundle } = (await import(new URL("../../studio/bundle.ts", import.meta.url).href)) as { bundle(): Promise<ReadonlyMap<string, Uint8Array>> };
  return bundle();
}

async function built(): Promise<ReadonlyMap<string, Uint8Array>> {
  const read = async (name: string) => [name, new Uint8Array(await readFile(new URL(`./studio/${name}`, import.meta.url)))] as const;
  return new Map(await Promise.all(Object.keys(types).map(read)));
}
