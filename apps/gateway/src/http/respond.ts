import type { IncomingMessage, ServerResponse } from "node:http";

export type Req = IncomingMessage;
export type Res = ServerResponse;

/** On every reply. */
const safety = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "x-frame-options": "DENY",
} as const;

export function harden(res: Res): void {
  for (const [name, value] of Object.entries(safety)) res.setHeader(name, value);
}

export function json(res: Res, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  res.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store", ...headers });
  res.end(JSON.stringify(body));
}

/** A problem in the form of GraphQL's errors, so that clients read one form. */
export const refuse = (res: Res, status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}): void =>
  json(res, status, { errors: [{ message, extensions: { code } }] }, headers);

export const TOO_LARGE: unique symbol = Symbol("over the limit");
export const GONE: unique symbol = Symbol("the client went away");

/** The body as text; {@link TOO_LARGE} as soon as it is over the limit. */
export function readBody(req: Req, limit: number): Promise<string | typeof TOO_LARGE | typeof GONE> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) return void chunks.push(chunk);
      chunks.length = 0;
      resolve(TOO_LARGE);
    });
    req.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    req.on("error", () => resolve(GONE));
    req.on("close", () => resolve(GONE));
  });
}
