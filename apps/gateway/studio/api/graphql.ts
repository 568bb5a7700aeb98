/** Requests to the gateway. The key is kept for this tab only and goes nowhere but in the Authorization header. */
const PLACE = "lathe-key";

export const key = {
  get: (): string | undefined => sessionStorage.getItem(PLACE) ?? undefined,
  set: (token: string): void => sessionStorage.setItem(PLACE, token),
  clear: (): void => sessionStorage.removeItem(PLACE),
};

/** A failure to tell the user. `code` is the gateway's, or NETWORK when it did not answer. */
export class ApiError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

interface Reply {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

/** A document with the types of what it takes and gives. */
export interface Document<Result, Variables> {
  readonly text: string;
  /** Only for the type checker. */
  readonly types?: (variables: Variables) => Result;
}

export const headersOf = (accept: string, token = key.get()): Record<string, string> => ({
  accept,
  "content-type": "application/json",
  ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
});

/** @throws ApiError */
export async function request<Result, Variables>(document: Document<Result, Variables>, variables: Variables, signal?: AbortSignal): Promise<Result> {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: headersOf("application/graphql-response+json, application/json"),
    body: JSON.stringify({ query: document.text, variables }),
    signal: signal ?? null,
  }).catch((error: unknown) => {
    throw signal?.aborted ? error : new ApiError("NETWORK", "The gateway does not answer. Is it still running?");
  });
  const reply = (await response.json().catch(() => ({}))) as Reply;
  const [problem] = reply.errors ?? [];
  if (problem) throw new ApiError(problem.extensions?.code ?? `HTTP_${response.status}`, problem.message);
  if (!reply.data) throw new ApiError(`HTTP_${response.status}`, `The gateway answered with status ${response.status}.`);
  return reply.data as Result;
}

/** An expected failure, as a value of a mutation. */
export interface UserError {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** Gives the value, or throws the failure that came in its place. */
export function unwrap<T extends object>(value: T | UserError): T {
  if ("remedy" in value && "code" in value) throw new ApiError(value.code, `${value.message} ${value.remedy}`.trim());
  return value as T;
}

/** Addresses of files are used on the origin that served this page, whatever host name the gateway believes to have. */
export function localUrl(url: string): string {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}
