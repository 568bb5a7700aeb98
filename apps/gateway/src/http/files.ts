/** Bytes in and out, by signed addresses. The address says which content; nothing in it is a path. */
import type { App } from "../app.ts";
import { isForClient } from "../errors.ts";
import { fileName } from "../schema/files.ts";
import { isSigned, type Grant } from "../store/sign.ts";
import { receive, receivedBytes } from "../store/uploads.ts";
import { json, refuse, type Req, type Res } from "./respond.ts";

function grantOf(method: Grant["method"], id: string, digest: string, query: URLSearchParams): { grant: Grant; signature: string } {
  const number = (name: string): number => Number(query.get(name) ?? Number.NaN);
  return { grant: { method, id, digest, size: number("size"), owner: query.get("owner") ?? "", expires: number("expires") }, signature: query.get("signature") ?? "" };
}

const forbidden = (res: Res): void => refuse(res, 403, "SIGNATURE", "This address is not valid, or not any more. Ask for a new one.");

/** PUT sends, with `Upload-Offset` from there on; HEAD tells how far an upload is. */
export async function upload(app: App, req: Req, res: Res, id: string, query: URLSearchParams): Promise<void> {
  const { grant, signature } = grantOf("PUT", id, query.get("digest") ?? "", query);
  if (!isSigned(app.secret, grant, signature)) return forbidden(res);
  if (req.method === "HEAD") {
    res.writeHead(200, { "upload-offset": String(await receivedBytes(app, grant)), "cache-control": "no-store" });
    return void res.end();
  }
  const offset = Number(req.headers["upload-offset"] ?? 0);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset >= grant.size) return refuse(res, 400, "UPLOAD_OFFSET", `Upload-Offset must be from 0 to ${grant.size - 1}.`);
  if (Number(req.headers["content-length"] ?? 0) + offset > grant.size) {
    return refuse(res, 413, "UPLOAD_TOO_LONG", `The body is longer than the ${grant.size} bytes that were announced.`, { connection: "close" });
  }
  // A client that fell silent without a word would hold the upload, and keep its own next try out.
  req.setTimeout(app.limits.idleMs, () => req.destroy());
  try {
    const { status, offset: reached } = await receive(app, grant, offset, req);
    const headers = { "upload-offset": String(reached) };
    if (status === "complete") json(res, 201, { digest: grant.digest, size: grant.size }, headers);
    else if (status === "partial") json(res, 202, { received: reached, size: grant.size }, headers);
    else if (status === "too-long") refuse(res, 413, "UPLOAD_TOO_LONG", `More than the ${grant.size} bytes that were announced came.`, { connection: "close" });
    else refuse(res, 409, "UPLOAD_OFFSET", status === "busy" ? "Another request is sending to this address just now." : `The upload stands at ${reached} bytes.`, headers);
  } catch (error) {
    if (!isForClient(error)) throw error;
    refuse(res, 422, error.code, error.message);
  } finally {
    req.setTimeout(0);
  }
}

/** GET with ranges. */
export async function download(app: App, req: Req, res: Res, digest: string, query: URLSearchParams): Promise<void> {
  const name = query.get("name") ?? "";
  const { grant, signature } = grantOf("GET", name, digest, query);
  if (!isSigned(app.secret, grant, signature)) return forbidden(res);
  const size = await app.blobs.size(digest);
  if (size === undefined) return refuse(res, 404, "NOT_FOUND", "The file is not there any more.");
  const range = /^bytes=(\d+)-$/.exec(req.headers.range ?? "");
  const from = range ? Number(range[1]) : 0;
  if (from >= size && size > 0) return refuse(res, 416, "RANGE", `The file has ${size} bytes.`, { "content-range": `bytes */${size}` });
  res.writeHead(range ? 206 : 200, {
    "content-type": "application/octet-stream",
    "content-length": String(size - from),
    "content-disposition": `attachment; filename="${fileName(name)}"`,
    "accept-ranges": "bytes",
    etag: `"${digest}"`,
    "cache-control": "private, immutable",
    "content-security-policy": "sandbox",
    ...(range ? { "content-range": `bytes ${from}-${size - 1}/${size}` } : {}),
  });
  if (req.method === "HEAD") return void res.end();
  const stream = app.blobs.read(digest, from);
  stream.on("error", () => res.destroy());
  res.on("close", () => stream.destroy());
  stream.pipe(res);
}
