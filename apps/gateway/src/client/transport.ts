/** GraphQL over HTTP, and what can go wrong with it. */
import { readSse } from "./sse.ts";

export interface Connection {
  /** Address of the gateway: http://127.0.0.1:4000 */
  readonly url: string;
  readonly token: string;
  readonly fetch?: typeof fetch;
}

/** The gateway refused: `code` is stable (NOT_FOUND, STEP_INVALID, RATE_LIMITED, ...). */
export class GatewayError extends Error {
  readonly code: string;
  readonly remedy: string | undefined;

  constructor(code: string, message: string, remedy?: string) {
    super(`${code}: ${message}${remedy === undefined ? "" : ` ${remedy}`}`);
    this.name = "GatewayError";
    this.code = code;
    this.remedy = remedy;
  }
}

interface GraphQLReply {
  readonly data?: unknown;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

const headersOf = ({ token }: Connection, accept: string): Record<string, string> =>
  ({ authorization: `Bearer ${token}`, "content-type": "application/json", accept, "x-lathe-client": "1" });

const post = (connection: Connection, accept: string, query: string, variables: object, signal?: AbortSignal): Promise<Response> =>
  (connection.fetch ?? fetch)(`${connection.url}/graphql`, { method: "POST", headers: headersOf(connection, accept), body: JSON.stringify({ query, variables }), signal: signal ?? null });

/** The `data` of an operation. @throws GatewayError */
export async function request<T>(connection: Connection, query: string, variables: object = {}, signal?: AbortSignal): Promise<T> {
  const response = await post(connection, "application/json", query, variables, signal);
  return dataOf<T>((await response.json()) as GraphQLReply);
}

function dataOf<T>({ data, errors }: GraphQLReply): T {
  const [first] = errors ?? [];
  if (first) throw new GatewayError(first.extensions?.code ?? "GRAPHQL", first.message);
  return data as T;
}

/** Results of a subscription until it is complete. @throws GatewayError; TypeError when the connection breaks */
export async function* subscribe<T>(connection: Connection, query: string, variables: object, signal?: AbortSignal): AsyncGenerator<T, void, undefined> {
  const response = await post(connection, "text/event-stream", query, variables, signal);
  if (!response.ok || !response.body) return void dataOf<T>((await response.json()) as GraphQLReply);
  for await (const { event, data } of readSse(response.body)) {
    if (event === "complete") return;
    if (event === "next") yield dataOf<T>(JSON.parse(data) as GraphQLReply);
  }
  throw new TypeError("The stream of events ended before it was complete.");
}

interface Refusal {
  readonly __typename: string;
  readonly code?: string;
  readonly message?: string;
  readonly remedy?: string;
}

/** A mutation's union: its result, or a thrown GatewayError. */
export function settled<T extends { readonly __typename: string }>(value: T | Refusal): T {
  const { code, message, remedy } = value as Refusal;
  if (code !== undefined && message !== undefined) throw new GatewayError(code, message, remedy);
  return value as T;
}
