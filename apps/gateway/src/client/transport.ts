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
  return dataOf<T>(await replyOf(response));
}

/** Something between the client and the gateway may answer in its place, and not in JSON. */
async function replyOf(response: Response): Promise<GraphQLReply> {
  const reply = (await response.json().catch(() => undefined)) as GraphQLReply | undefined;
  if (reply?.data !== undefined || reply?.errors?.[0]) return reply;
  throw new GatewayError(`HTTP_${response.status}`, `The answer has the status ${response.status} and is not one of a gateway.`);
}

function dataOf<T>({ data, errors }: GraphQLReply): T {
  const [first] = errors ?? [];
  if (first) throw new GatewayError(first.extensions?.code ?? "GRAPHQL", first.message);
  return data as T;
}

/** Results of a subscription until it is complete. @throws GatewayError; TypeError when the connection breaks */
export async function* subscribe<T>(connection: Connection, query: string, variables: object, signal?: AbortSignal): AsyncGenerator<T, void, undefined> {
  const response = await post(connection, "text/event-stream", query, variables, signal);
  if (!response.ok || !response.body) throw await refusalOf(response);
  for await (const { event, data } of readSse(response.body)) {
    if (event === "complete") return;
    if (event === "next") yield dataOf<T>(JSON.parse(data) as GraphQLReply);
  }
  throw new TypeError("The stream of events ended before it was complete.");
}

/** What a later try may heal looks like a connection that broke. */
async function refusalOf(response: Response): Promise<Error> {
  const refusal = await replyOf(response).then(dataOf, (error: unknown) => error).catch((error: unknown) => error);
  const error = refusal instanceof Error ? refusal : new GatewayError(`HTTP_${response.status}`, `The gateway answered with status ${response.status}.`);
  return response.status >= 500 || response.status === 429 ? new TypeError(error.message, { cause: error }) : error;
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
