/** The schema builder, scalars, and the connection helper: every list that can be long goes through it. */
import SchemaBuilder, { type ObjectRef } from "@pothos/core";
import ComplexityPlugin from "@pothos/plugin-complexity";
import type { Json } from "@lathe/core";
import { GraphQLError, GraphQLScalarType, Kind, valueFromASTUntyped, type ValueNode } from "graphql";
import type { Ctx } from "../app.ts";

export interface Given {
  Context: Ctx;
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    JSON: { Input: Json; Output: Json };
    Long: { Input: number; Output: number };
    DateTime: { Input: Date; Output: Date };
  };
}

export type Types = PothosSchemaTypes.ExtendDefaultTypes<Given>;
export type Builder = ReturnType<typeof makeBuilder>;

export function makeBuilder() {
  const builder = new SchemaBuilder<Given>({
    plugins: [ComplexityPlugin],
    defaultFieldNullability: false,
    complexity: { complexityError: (_kind, { complexity, maxComplexity }) => badInput(`The operation asks for too much: its complexity is ${complexity}, the limit ${maxComplexity}. Ask for smaller pages.`), defaultComplexity: 1, defaultListMultiplier: 5, limit: (ctx: Ctx) => ({ complexity: ctx.app.limits.complexity, depth: 1000, breadth: 2000 }) },
  });
  for (const scalar of [json, long, dateTime]) builder.addScalarType(scalar.name as "JSON", scalar);
  return builder;
}

const json = new GraphQLScalarType<unknown, unknown>({ name: "JSON", description: "Any JSON value.", parseValue: (value) => value, parseLiteral: (node, variables) => valueFromASTUntyped(node, variables) });

const long = new GraphQLScalarType<number, number>({
  name: "Long",
  description: "A whole number up to 2^53, sent as a JSON number. Counts of parameters and bytes do not fit in Int.",
  serialize: whole,
  parseValue: whole,
  parseLiteral: (node: ValueNode) => whole(node.kind === Kind.INT ? Number(node.value) : undefined),
});

function whole(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(Math.round(value))) throw new GraphQLError(`A whole number up to 2^53 is expected, not ${JSON.stringify(value)}.`);
  return Math.round(value);
}

const dateTime = new GraphQLScalarType<Date, string>({
  name: "DateTime",
  description: "A moment in UTC, ISO 8601: 2026-01-31T12:00:00.000Z.",
  serialize: (value) => new Date(value as string | Date).toISOString(),
  parseValue: (value) => new Date(String(value)),
});

export interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

export interface Connection<T> {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly pageInfo: PageInfo;
}

export interface PageArgs {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
}

export const DEFAULT_PAGE = 20;
const cursorOf = (place: number): string => Buffer.from(`at:${place}`).toString("base64url");

/** A page as numbers. @throws GraphQLError with the code BAD_USER_INPUT */
export function pageOf({ first, after }: PageArgs, ctx: Ctx): { first: number; after: number | undefined } {
  const most = ctx.app.limits.pageSize;
  const count = first ?? Math.min(DEFAULT_PAGE, most);
  if (count < 1 || count > most) throw badInput(`"first" must be from 1 to ${most}, not ${count}.`);
  if (after === null || after === undefined) return { first: count, after: undefined };
  const [, place] = /^at:(\d{1,15})$/.exec(Buffer.from(after, "base64url").toString("latin1")) ?? [];
  if (place === undefined) throw badInput('"after" must be a cursor that this API gave.');
  return { first: count, after: Number(place) };
}

export const badInput = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: "BAD_USER_INPUT" } });

/** From one more row than asked for. */
export function connect<T>(rows: readonly T[], first: number, place: (row: T) => number, hasPreviousPage: boolean): Connection<T> {
  const edges = rows.slice(0, first).map((node) => ({ cursor: cursorOf(place(node)), node }));
  return { edges, pageInfo: { hasNextPage: rows.length > first, hasPreviousPage, startCursor: edges[0]?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null } };
}

/** A page of a list in memory. */
export function connectList<T>(list: readonly T[], args: PageArgs, ctx: Ctx): Connection<T> {
  const { first, after } = pageOf(args, ctx);
  const from = after === undefined ? 0 : after + 1;
  const places = list.slice(from, from + first + 1).map((node, i) => ({ node, place: from + i }));
  const { edges, pageInfo } = connect(places, first, (p) => p.place, from > 0);
  return { edges: edges.map(({ cursor, node }) => ({ cursor, node: node.node })), pageInfo };
}

/** How much a page counts in the complexity of an operation. */
export const pageCost = (args: PageArgs): { field: number; multiplier: number } => ({ field: 1, multiplier: args.first ?? DEFAULT_PAGE });

export type ConnectionRef<T> = ObjectRef<Types, Connection<T>, Connection<T>>;

/** Makes the connection type of a node type. */
export function connections(builder: Builder): <T extends object>(name: string, node: ObjectRef<Types, T, T>) => ConnectionRef<T> {
  const info = builder.objectRef<PageInfo>("PageInfo").implement({
    description: "Where a page stands in its list.",
    fields: (t) => ({
      hasNextPage: t.exposeBoolean("hasNextPage", { description: "Whether there is more after this page." }),
      hasPreviousPage: t.exposeBoolean("hasPreviousPage", { description: "Whether there is something before this page." }),
      startCursor: t.exposeString("startCursor", { nullable: true, description: "Cursor of the first entry." }),
      endCursor: t.exposeString("endCursor", { nullable: true, description: "Cursor of the last entry; give it as `after` for the next page." }),
    }),
  });
  return <T extends object>(name: string, node: ObjectRef<Types, T, T>) => {
    const edge = builder.objectRef<{ cursor: string; node: T }>(`${name}Edge`).implement({
      description: `One ${name} in a page.`,
      fields: (t) => ({
        cursor: t.exposeString("cursor", { description: "Its place in the list, opaque." }),
        node: t.field({ type: node, description: "The thing itself.", resolve: (e) => e.node as never }),
      }),
    });
    return builder.objectRef<Connection<T>>(`${name}Connection`).implement({
      description: `A page of a list of ${name}.`,
      fields: (t) => ({
        edges: t.field({ type: [edge], description: "Entries with their cursors.", complexity: { field: 1, multiplier: 1 }, resolve: (c) => [...c.edges] }),
        nodes: t.field({ type: [node], description: "Entries without cursors.", complexity: { field: 1, multiplier: 1 }, resolve: (c) => c.edges.map((e) => e.node) as never }),
        pageInfo: t.field({ type: info, description: "Where this page stands.", resolve: (c) => c.pageInfo }),
      }),
    });
  };
}
