/**
 * Writes the types by which gql.tada reads operations, from schema.graphql: `tsx scripts/introspection.ts`. `StepInput` follows the
 * techniques of each gateway, so it is a scalar here, whose TypeScript type is the client's own.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type * as graphql from "graphql";
import type * as tada from "gql.tada/internal";

const require = createRequire(import.meta.url);
const { buildASTSchema, getNamedType, introspectionFromSchema, isInputObjectType, isInterfaceType, isObjectType, isUnionType, parse } = require("graphql") as typeof graphql;
const { minifyIntrospection, outputIntrospectionFile } = require("gql.tada/internal") as typeof tada;

const target = new URL("../src/client/introspection.ts", import.meta.url);

export function introspectionText(): string {
  const { definitions, ...rest } = parse(readFileSync(new URL("../schema.graphql", import.meta.url), "utf8"));
  const [step] = parse("scalar StepInput").definitions;
  const schema = buildASTSchema({ ...rest, definitions: definitions.map((d) => ("name" in d && d.name?.value === "StepInput" ? step! : d)) });
  const needed = reachable(schema);
  const { __schema } = minifyIntrospection(introspectionFromSchema(schema) as never);
  const types = __schema.types.filter(({ name }) => needed.has(name) || ["Boolean", "Int", "Float", "String", "ID"].includes(name));
  return outputIntrospectionFile({ __schema: { ...__schema, types } } as never, { fileType: ".d.ts", shouldPreprocess: true })
    .replace(/\/\*[\s\S]*?\*\/\n/g, "")
    .replace(/^[\s\S]*?export type/, "/** Made of schema.graphql by scripts/introspection.ts, for the types of typed operations. */\nexport type")
    .replace(/import \* as gqlTada[\s\S]*$/, "");
}

/** Names of the types that operations can meet. */
function reachable(schema: graphql.GraphQLSchema): Set<string> {
  const seen = new Set<string>();
  const visit = (given: graphql.GraphQLType | null | undefined): void => {
    const type = given && getNamedType(given);
    if (!type || seen.has(type.name)) return;
    seen.add(type.name);
    if (isUnionType(type)) type.getTypes().forEach(visit);
    if (isInterfaceType(type)) schema.getImplementations(type).objects.forEach(visit);
    if (isObjectType(type)) type.getInterfaces().forEach(visit);
    if (isObjectType(type) || isInterfaceType(type)) for (const field of Object.values(type.getFields())) [field.type, ...field.args.map((a) => a.type)].forEach(visit);
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) visit(field.type);
  };
  [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].forEach(visit);
  return seen;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const temporary = new URL(`introspection.${process.pid}.tmp`, target);
  writeFileSync(temporary, introspectionText());
  renameSync(temporary, target);
}
