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
