/** The one router. What is not in its table does not exist; what is not marked public passes the key check first. */
import { createServer, type Server } from "node:http";
import type { App } from "../app.ts";
import type { Principal } from "../auth.ts";
import { traced } from "../ops/trace.ts";
import { download, upload } from "./files.ts";
import { graphql } from "./graphql.ts";
import type { Metrics } from "./metrics.ts";
import type { Operations } from "./operations.ts";
import { rate, rateHeaders, type Allowance } from "./rate.ts";
import { harden, json, refuse, type Req, type Res } from "./respond.ts";
import { studioFile } from "./studio.ts";
import type { Yoga } from "./yoga.ts";

export interface HttpOptions {
  readonly app: App;
  readonly yoga: Yoga;
  readonly metrics: Metrics;
  /** False while starting and stopping. */
  readonly ready: () => boolean;
  /** Address by which clients reach us, when it is not what they say in the Host header: behind a proxy. */
  readonly publicUrl?: string | undefined;
  /** Operations that keys without the scope admin may run; default: any. */
  readonly operations?: Operations | undefined;
}

interface Call extends HttpOptions {
  readonly req: Req;
  readonly res: Res;
  readonly url: Target;
  readonly match: RegExpExecArray;
  readonly principal: Principal | undefined;
  readonly allowance: Allowance | undefined;
}

/** An address of ours: what comes after the host. */
interface Target {
  readonly pathname: string;
  /** With its question mark; empty when there is none. */
  readonly search: string;
  readonly searchParams: URLSearchParams;
}

interface Route {
  readonly name: string;
  readonly methods: readonly string[];
  readonly path: RegExp;
  /** public: no secret behind it. signed: the address carries its permission. Else the scope that a key must have. */
  readonly access: "public" | "signed" | "read" | "admin";
  handle(call: Call): Promise<void> | void;
}

export const routes: readonly Route[] = [
  { name: "graphql", methods: ["GET", "POST"], path: /^\/graphql$/, access: "read", handle: ({ url, principal, allowance, ...call }) => graphql({ ...call, target: url.pathname + url.search, principal: principal!, allowance: allowance! }) },
  { name: "upload", methods: ["PUT", "HEAD"], path: /^\/uploads\/([A-Za-z0-9_-]{1,64})$/, access: "signed", handle: ({ app, req, res, match, url }) => upload(app, req, res, match[1]!, url.searchParams) },
  { name: "file", methods: ["GET", "HEAD"], path: /^\/files\/(sha256:[0-9a-f]{64})$/, access: "signed", handle: ({ app, req, res, match, url }) => download(app, req, res, match[1]!, url.searchParams) },
  { name: "live", methods: ["GET"], path: /^\/live$/, access: "public", handle: ({ res }) => json(res, 200, { live: true }) },
  { name: "ready", methods: ["GET"], path: /^\/ready$/, access: "public", handle: readiness },
  { name: "metrics", methods: ["GET"], path: /^\/metrics$/, access: "admin", handle: prometheus },
  { name: "studio", methods: ["GET"], path: /^\/(?:studio\.(?:js|css))?$/, access: "public", handle: ({ req, res, url }) => studioFile(req, res, url.pathname) },
];

export function makeServer(options: HttpOptions): Server {
  const { app, metrics } = options;
  const { requestsPerSecond, requestBurst } = app.limits;
  const callers = rate(requestsPerSecond, requestBurst);
  // Wrong keys are counted by address, so that nobody tries through them.
  const strangers = rate(5, 20);
  const server = createServer({ requestTimeout: 0, headersTimeout: 20_000, maxHeaderSize: 16_384 }, (req, res) => {
    const started = performance.now();
    let name = "none";
    harden(res);
    res.on("close", () => metrics.request(name, res.statusCode, (performance.now() - started) / 1000));
    traced("lathe.request", { "http.request.method": req.method ?? "" }, () => serve(options, req, res, (route) => (name = route), callers, strangers), () => ({ "http.route": name, "http.response.status_code": res.statusCode })).catch((error: unknown) => {
      app.log.error("request failed", { route: name, error });
      if (!res.headersSent) refuse(res, 500, "INTERNAL_SERVER_ERROR", "Something went wrong on our side.");
      else res.destroy();
    });
  });
  server.keepAliveTimeout = 65_000;
  return server;
}

async function serve(options: HttpOptions, req: Req, res: Res, named: (route: string) => void, callers: ReturnType<typeof rate>, strangers: ReturnType<typeof rate>): Promise<void> {
  const { app } = options;
  const url = parseUrl(req.url ?? "");
  const route = url && routes.find((r) => r.path.test(url.pathname));
  if (!url || !route) return refuse(res, 404, "NOT_FOUND", "There is nothing here.");
  named(route.name);
  if (!route.methods.includes(req.method ?? "")) return refuse(res, 405, "METHOD", `${req.method} is not allowed here.`, { allow: route.methods.join(", ") });
  let principal: Principal | undefined;
  let allowance: Allowance | undefined;
  if (route.access !== "public" && route.access !== "signed") {
    principal = await principalOf(app, req);
    if (!principal) {
      const { wait } = strangers.take(req.socket.remoteAddress ?? "");
      if (wait > 0) return refuse(res, 429, "RATE_LIMITED", "Too many requests without a valid key.", { "retry-after": String(wait) });
      return refuse(res, 401, "UNAUTHENTICATED", "Send a key: Authorization: Bearer lathe_...", { "www-authenticate": "Bearer" });
    }
    if (!principal.scopes.has(route.access)) return refuse(res, 403, "FORBIDDEN", `This key lacks the scope "${route.access}".`);
    allowance = callers.take(principal.keyId);
    for (const [name, value] of Object.entries(rateHeaders(allowance))) res.setHeader(name, value);
    if (allowance.wait > 0) return refuse(res, 429, "RATE_LIMITED", "Too many requests; slow down.", { "retry-after": String(allowance.wait) });
  }
  await route.handle({ ...options, req, res, url, match: route.path.exec(url.pathname)!, principal, allowance });
}

/** Paths are compared as they come: what needs decoding is no path of ours. */
function parseUrl(text: string): Target | undefined {
  if (!text.startsWith("/") || text.startsWith("//") || text.length > 8192) return undefined;
  const mark = text.indexOf("?");
  const [pathname, search] = mark < 0 ? [text, ""] : [text.slice(0, mark), text.slice(mark)];
  if (/[%\\#]|\/\.|[^\x21-\x7e]/.test(pathname)) return undefined;
  return {
    pathname,
    search,
    get searchParams() {
      return new URLSearchParams(search);
    },
  };
}

async function principalOf(app: App, req: Req): Promise<Principal | undefined> {
  const [, token] = /^Bearer (lathe_[A-Za-z0-9_-]{8,200})$/.exec(req.headers.authorization ?? "") ?? [];
  return token === undefined ? undefined : app.keys.find(token);
}

async function readiness({ app, ready, res }: Call): Promise<void> {
  const works = ready() && (await app.db.query("select 1").then(() => true, () => false));
  json(res, works ? 200 : 503, { ready: works });
}

async function prometheus({ metrics, res }: Call): Promise<void> {
  const text = await metrics.registry.metrics();
  res.writeHead(200, { "content-type": metrics.registry.contentType });
  res.end(text);
}
