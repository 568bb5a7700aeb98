/** GraphQL over HTTP: yoga with every limit set to a number of ours. */
import { EnvelopArmor } from "@escape.tech/graphql-armor";
import type { GraphQLError, GraphQLSchema, ValidationContext } from "graphql";
import { createGraphQLError, createYoga, type Plugin } from "graphql-yoga";
import type { App, Ctx } from "../app.ts";
import { withoutPaths } from "../store/without-paths.ts";

export interface YogaOptions {
  readonly app: App;
  readonly schema: GraphQLSchema;
  /** GraphiQL and error details: for development only. */
  readonly development: boolean;
}

/** What the pipeline reads of a request. */
export interface PlainRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  readonly body: null;
  json(): Promise<unknown>;
}

export interface PlainReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | ReadableStream<Uint8Array> | null;
}

export interface Yoga {
  answer(request: PlainRequest, context: Ctx): Promise<PlainReply>;
  /** Why a key without special rights could never run this operation: syntax, schema, limits. Undefined when it could. */
  check(text: string): string | undefined;
}

/** Stands where yoga makes a `Response`. */
class Reply implements PlainReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: PlainReply["body"];
  constructor(body: PlainReply["body"], init: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {}) {
    this.body = body;
    this.status = init.status ?? 200;
    this.headers = init.headers ?? {};
  }
}

export function makeYoga({ app, schema, development }: YogaOptions): Yoga {
  const { limits } = app;
  const armor = new EnvelopArmor({
    maxDepth: { n: limits.depth, propagateOnRejection: true },
    maxAliases: { n: limits.aliases },
    maxDirectives: { n: limits.directives },
    maxTokens: { n: limits.tokens },
    // Pages multiply what is below them; armor does not look at `first`, the complexity limit of the schema does.
    costLimit: { enabled: false },
    blockFieldSuggestion: { enabled: !development },
  }).protect();
  const { handleRequest, getEnveloped } = createYoga<Ctx & object>({
    schema,
    fetchAPI: { Response: Reply as unknown as typeof Response },
    // The body was read, and bounded, before.
    maxRequestBodySize: false,
    graphqlEndpoint: "/graphql",
    batching: false,
    multipart: false,
    cors: false,
    landingPage: false,
    graphiql: development,
    logging: false,
    maskedErrors: { maskError: (error) => mask(app, error), isDev: false },
    plugins: [...(armor.plugins as unknown as Plugin[]), introspectionFor(), refusedIs400()],
  });
  return {
    answer: async (request, context) => (await handleRequest(request as unknown as Request, context)) as unknown as PlainReply,
    check(text) {
      const { schema: own, parse, validate } = getEnveloped({ principal: { scopes: new Set() } });
      try {
        return (validate(own, parse(text)) as readonly Error[])[0]?.message;
      } catch (error) {
        if (isGraphQLError(error)) return error.message;
        throw error;
      }
    },
  };
}

/** Errors made for clients pass; of all others they learn nothing, and the log learns everything. */
function mask(app: App, error: unknown): Error {
  const known = isGraphQLError(error) ? error : undefined;
  if (known && (known.originalError === undefined || isGraphQLError(known.originalError))) {
    const { nodes = null, source = null, positions = null, path = null, extensions } = known;
    return createGraphQLError(withoutPaths(known.message), { nodes, source, positions, path, extensions });
  }
  app.log.error("unexpected error", { error: known?.originalError ?? error });
  return createGraphQLError("Something went wrong on our side.", { path: known?.path ?? null, extensions: { code: "INTERNAL_SERVER_ERROR" } });
}

/** By name: test runners and bundlers load graphql twice, and then `instanceof` knows only one of them. */
const isGraphQLError = (error: unknown): error is GraphQLError => error instanceof Error && error.name === "GraphQLError" && "extensions" in error;

/** The schema is published with the package; asking the server for it takes an administrator. */
function introspectionFor(): Plugin<Ctx> {
  return {
    onValidate({ context, addValidationRule }) {
      if (!context.principal.scopes.has("admin")) addValidationRule(noIntrospection);
    },
  };
}

const noIntrospection = (context: ValidationContext) => ({
  Field(node: { readonly name: { readonly value: string } }) {
    if (/^__(schema|type)$/.test(node.name.value)) context.reportError(createGraphQLError("Introspection needs the scope admin; the package ships schema.graphql.", { extensions: { code: "FORBIDDEN" } }));
  },
});

/** Operations that a limit refuses while they are parsed were never run; armor leaves them at 200. */
function refusedIs400(): Plugin {
  return {
    onParse: () => ({ result }) => {
      if (isGraphQLError(result) && result.extensions["http"] === undefined) Object.assign(result.extensions, { http: { status: 400 } });
    },
  };
}
