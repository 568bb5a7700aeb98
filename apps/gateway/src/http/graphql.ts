/** GraphQL over HTTP. Yoga decides what is asked and answered; what it reads a request from and writes a reply to are plain objects, which cost a tenth of the classes of the Fetch standard. */
import type { App, Ctx } from "../app.ts";
import type { Principal } from "../auth.ts";
import { known, type Operations, type Params } from "./operations.ts";
import type { Allowance } from "./rate.ts";
import { GONE, readBody, refuse, TOO_LARGE, type Req, type Res } from "./respond.ts";
import type { PlainRequest, Yoga } from "./yoga.ts";

export interface GraphqlCall {
  readonly app: App;
  readonly yoga: Yoga;
  readonly req: Req;
  readonly res: Res;
  /** Path and query as they came. */
  readonly target: string;
  readonly principal: Principal;
  readonly allowance: Allowance;
  readonly publicUrl?: string | undefined;
  readonly operations?: Operations | undefined;
}

export async function graphql({ app, yoga, req, res, target, principal, allowance, publicUrl, operations }: GraphqlCall): Promise<void> {
  if (!mayCross(req)) return refuse(res, 403, "CSRF", 'Requests other than POST with application/json need the header "x-lathe-client".');
  if (req.method === "POST" && !/^application\/(graphql-response\+|graphql\+)?json\b/i.test(req.headers["content-type"] ?? "")) return refuse(res, 415, "CONTENT_TYPE", "Send application/json.");
  const ending = endOf(res);
  // A subscription is answered as soon as it has begun: what it tells afterwards takes as long as it takes.
  const clock = setTimeout(() => {
    ending.abort();
    if (!res.headersSent) refuse(res, 503, "TIMED_OUT", `The operation was not answered within ${app.limits.requestMs} ms.`, { connection: "close" });
  }, app.limits.requestMs);
  try {
    const body = req.method === "POST" ? await readBody(req, app.limits.requestBytes) : "";
    if (body === GONE) return void res.destroy();
    if (body === TOO_LARGE) return refuse(res, 413, "TOO_LARGE", `A request may have at most ${app.limits.requestBytes} bytes.`, { connection: "close" });
    const request = plainRequest(req, target, body);
    const asked = operations ? await namedIn(request, operations, principal.scopes.has("admin")) : request;
    if (!asked) return refuse(res, 403, "OPERATION_UNKNOWN", "This gateway runs operations that it knows. Send the documentId of one, or its exact text.");
    const context: Ctx = {
      app,
      principal,
      allowance,
      origin: publicUrl ?? `http://${req.headers.host ?? "localhost"}`,
      get signal() {
        return ending.signal();
      },
    };
    const { status, headers, body: reply } = await yoga.answer(asked, context);
    if (reply !== null && typeof reply !== "string") {
      if (res.headersSent) return await reply.cancel();
      clearTimeout(clock);
      res.writeHead(status, { ...headers, "cache-control": "no-store" });
      return await send(reply, res);
    }
    if (res.headersSent) return;
    const text = reply ?? "";
    res.writeHead(status, { ...headers, "cache-control": "no-store", "content-length": Buffer.byteLength(text) });
    res.end(text);
  } finally {
    clearTimeout(clock);
  }
}

/** Browsers send JSON and own headers across origins only after asking, and we never say yes. */
const mayCross = (req: Req): boolean => req.headers["x-lathe-client"] !== undefined || (req.method === "POST" && /json/.test(req.headers["content-type"] ?? ""));

/** Only these headers mean anything to what answers. */
const passed: ReadonlySet<string> = new Set(["accept", "content-type", "x-lathe-client"]);

function plainRequest(req: Req, target: string, body: string): PlainRequest {
  const header = (name: string): string | null => {
    const value = passed.has(name) ? req.headers[name] : undefined;
    return typeof value === "string" ? value : null;
  };
  return { method: req.method!, url: `http://gateway${target}`, headers: { get: header }, body: null, json: async (): Promise<unknown> => JSON.parse(body) };
}

/** The same request with the text of a known operation; as it is when it holds no parameters at all, which is refused later. */
async function namedIn(request: PlainRequest, operations: Operations, free: boolean): Promise<PlainRequest | undefined> {
  const params = await paramsOf(request);
  if (!params) return request;
  const found = known(operations, params, free);
  if (!found) return undefined;
  if (request.method !== "GET") return { ...request, json: async () => found };
  const search = new URLSearchParams(new URL(request.url).search);
  search.delete("documentId");
  if (typeof found.query === "string") search.set("query", found.query);
  return { ...request, url: `http://gateway/graphql?${search.toString()}` };
}

async function paramsOf({ method, url, json }: PlainRequest): Promise<Params | undefined> {
  try {
    if (method !== "GET") return paramsIn(await json());
    const { extensions, ...plain } = Object.fromEntries(new URL(url).searchParams);
    return { ...plain, ...(extensions ? { extensions: JSON.parse(extensions) as unknown } : {}) };
  } catch {
    return undefined;
  }
}

const paramsIn = (value: unknown): Params | undefined => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Params) : undefined);

/** Tells when nobody waits for the reply any more. Few operations ask, so the signal is made when one does. */
function endOf(res: Res): { signal(): AbortSignal; abort(): void } {
  let over = false;
  let controller: AbortController | undefined;
  const abort = (): void => {
    over = true;
    controller?.abort();
  };
  res.on("close", () => {
    if (!res.writableFinished) abort();
  });
  return {
    abort,
    signal() {
      controller ??= new AbortController();
      if (over) controller.abort();
      return controller.signal;
    },
  };
}

function drained(res: Res): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.off("drain", done).off("close", done);
      resolve();
    };
    res.on("drain", done).on("close", done);
  });
}

/** Takes the next piece only when the client has taken the last one: a slow reader costs no memory. */
async function send(body: ReadableStream<Uint8Array>, res: Res): Promise<void> {
  const reader = body.getReader();
  res.on("close", () => void reader.cancel().catch(() => undefined));
  while (!res.destroyed) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!res.write(value)) await drained(res);
  }
  res.end();
}
