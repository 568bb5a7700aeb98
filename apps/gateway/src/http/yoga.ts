/** GraphQL over HTTP: yoga with every limit set to a number of ours. */
import { EnvelopArmor } from "@escape.tech/graphql-armor";
import { GraphQLError, NoSchemaIntrospectionCustomRule, type ExecutionResult, type GraphQLSchema } from "graphql";
import { createYoga, type Plugin } from "graphql-yoga";
import type { App, Ctx } from "../app.ts";
import { withoutPaths } from "../store/complete.ts";

export interface YogaOptions {
  readonly app: App;
  readonly schema: GraphQLSchema;
  /** GraphiQL and error details: for development only. */
  readonly development: boolean;
}

export type Yoga = ReturnType<typeof makeYoga>;

export function makeYoga({ app, schema, development }: YogaOptions) {
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
  return createYoga<Ctx & object>({
    schema,
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
}

/** Errors made for clients pass; of all others they learn nothing, and the log learns everything. */
function mask(app: App, error: unknown): Error {
  if (error instanceof GraphQLError && (error.originalError === undefined || error.originalError instanceof GraphQLError)) {
    return new GraphQLError(withoutPaths(error.message), { nodes: error.nodes ?? null, source: error.source ?? null, positions: error.positions ?? null, path: error.path ?? null, extensions: error.extensions });
  }
  app.log.error("unexpected error", { error: error instanceof GraphQLError ? error.originalError : error });
  const path = error instanceof GraphQLError ? (error.path ?? null) : null;
  return new GraphQLError("Something went wrong on our side.", { path, extensions: { code: "INTERNAL_SERVER_ERROR" } });
}

/** The schema is published with the package; asking the server for it takes an administrator. */
function introspectionFor(): Plugin<Ctx> {
  return {
    onValidate({ context, addValidationRule }) {
      if (!context.principal.scopes.has("admin")) addValidationRule(NoSchemaIntrospectionCustomRule);
    },
  };
}

/** Operations that a limit refuses while they are parsed were never run: by the specification of GraphQL over HTTP that is a 400. */
function refusedIs400(): Plugin {
  return {
    onParse: () => ({ result }) => {
      if (result instanceof GraphQLError && result.extensions["http"] === undefined) Object.assign(result.extensions, { http: { status: 400 } });
    },
    onExecutionResult({ result }) {
      for (const one of Array.isArray(result) ? result : [result]) {
        const { errors, data } = (one ?? {}) as ExecutionResult;
        const [first] = errors ?? [];
        if (first && data === undefined && first.path === undefined && first.extensions["http"] === undefined && "extensions" in first) Object.assign(first.extensions, { http: { status: 400 } });
      }
    },
  };
}
