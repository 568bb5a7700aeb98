/**
 * Stands before an S3 server that believes any signature, and lets through only what is signed as Amazon describes ("Signature Version 4
 * signing process") with a body of the hash that was signed.
 */
import { createHash, createHmac } from "node:crypto";
import { createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export async function startGate(target: number, secret: string): Promise<{ port: number; passed(): number; close(): void }> {
  let passed = 0;
  const server: Server = createServer((req, res) => void (async () => {
    const body = await buffer(req);
    const reason = objection(req, body, secret);
    if (reason !== undefined) {
      res.writeHead(403, { "content-type": "application/xml" });
      return void res.end(`<Error><Code>SignatureDoesNotMatch</Code><Message>${reason}</Message></Error>`);
    }
    passed++;
    request({ port: target, host: "127.0.0.1", method: req.method, path: req.url, headers: req.headers }, (reply) => {
      res.writeHead(reply.statusCode!, reply.headers);
      reply.pipe(res);
    }).end(body);
  })());
  await new Promise<void>((up) => void server.listen(0, "127.0.0.1", up));
  return { port: (server.address() as AddressInfo).port, passed: () => passed, close: () => (server.closeAllConnections(), void server.close()) };
}

const sha256 = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");
const hmac = (key: Buffer | string, text: string): Buffer => createHmac("sha256", key).update(text).digest();

function objection({ method, url = "", headers }: IncomingMessage, body: Buffer, secret: string): string | undefined {
  const hash = headers["x-amz-content-sha256"];
  if (hash !== sha256(body)) return "The body is not what was signed.";
  const [, scope, names, signature] = /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\S+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? "") ?? [];
  if (scope === undefined || names === undefined) return "There is no signature.";
  if (!["host", "x-amz-content-sha256", "x-amz-date"].every((name) => names.split(";").includes(name))) return "Headers that matter are not signed.";
  const [path, query = ""] = url.split("?");
  const sorted = query.split("&").map((pair) => (pair.includes("=") || pair === "" ? pair : `${pair}=`)).sort().join("&");
  const canonical = [method, path, sorted, ...names.split(";").map((name) => `${name}:${String(headers[name]).trim()}`), "", names, hash].join("\n");
  const [day, region, service, end] = scope.split("/") as [string, string, string, string];
  const key = [region, service, end].reduce<Buffer>((k, part) => hmac(k, part), hmac(`AWS4${secret}`, day));
  const wanted = hmac(key, ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n")).toString("hex");
  return wanted === signature ? undefined : "The signature is another one.";
}
