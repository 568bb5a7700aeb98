/** The schema builder, scalars, and the connection helper: every list that can be long goes through it. */
import SchemaBuilder, { type ObjectRef } from "@pothos/core";
import ComplexityPlugin from "@pothos/plugin-complexity";
import type { Json } from "@lathe/core";
import { GraphQLError, GraphQLScalarType, Kind, valueFromASTUntyped, type ValueNode } from "graphql";
import type { Ctx } from "../app.ts";
import type { Page } from "../store/rows.ts";

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
  parseValue: given,
  parseLiteral: (node: ValueNode) => given(node.kind === Kind.INT ? Number(node.value) : undefined),
});

/** Nothing that a client sends is rounded. */
function given(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new GraphQLError(`A whole number up to 2^53 is expected, not ${JSON.stringify(value)}.`);
  return value;
}

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
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

export const DEFAULT_PAGE = 20;
const cursorOf = (place: number): string => Buffer.from(`at:${place}`).toString("base64url");

/** @throws GraphQLError with the code BAD_USER_INPUT */
export function pageOf({ first, after, last, before }: PageArgs, ctx: Ctx): Page {
  const most = ctx.app.limits.pageSize;
  const given = (value: number | null | undefined): value is number => value !== null && value !== undefined;
  if (given(first) && given(last)) throw badInput('Give "first" or "last", not both.');
  const backward = given(last) || (!given(first) && typeof before === "string" && typeof after !== "string");
  const count = last ?? first ?? Math.min(DEFAULT_PAGE, most);
  if (count < 1 || count > most) throw badInput(`"${given(last) ? "last" : "first"}" must be from 1 to ${most}, not ${count}.`);
  return { count, after: placeOf("after", after), before: placeOf("before", before), backward };
}

function placeOf(name: string, cursor: string | null | undefined): number | undefined {
  if (cursor === null || cursor === undefined) return undefined;
  const [, place] = /^at:(\d{1,15})$/.exec(Buffer.from(cursor, "base64url").toString("latin1")) ?? [];
  if (place === undefined) throw badInput(`"${name}" must be a cursor that this API gave.`);
  return Number(place);
}

export const badInput = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: "BAD_USER_INPUT" } });

/** From one more row than asked for, in the order of the list; of a page from the back the one more comes first. */
export function connect<T>(rows: readonly T[], { count, after, before, backward }: Page, place: (row: T) => number): Connection<T> {
  const more = rows.length > count;
  const edges = (backward ? rows.slice(more ? 1 : 0) : rows.slice(0, count)).map((node) => ({ cursor: cursorOf(place(node)), node }));
  const pageInfo = {
    hasNextPage: backward ? before !== undefined : more,
    hasPreviousPage: backward ? more : after !== undefined,
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges.at(-1)?.cursor ?? null,
  };
  return { edges, pageInfo };
}

/** A page of a list in memory. */
export function connectList<T>(list: readonly T[], args: PageArgs, ctx: Ctx): Connection<T> {
  const page = pageOf(args, ctx);
  const from = page.after === undefined ? 0 : page.after + 1;
  const to = Math.min(page.before ?? list.length, list.length);
  const [start, end] = page.backward ? [Math.max(from, to - page.count - 1), to] : [from, Math.min(to, from + page.count + 1)];
  const places = list.slice(start, Math.max(start, end)).map((node, i) => ({ node, place: start + i }));
  const { edges, pageInfo } = connect(places, page, (p) => p.place);
  return { edges: edges.map(({ cursor, node }) => ({ cursor, node: node.node })), pageInfo };
}

/** How much a page counts in the complexity of an operation. */
export const pageCost = (args: PageArgs): { field: number; multiplier: number } => ({ field: 1, multiplier: args.first ?? args.last ?? DEFAULT_PAGE });

export type ConnectionRef<T> = ObjectRef<Types, Connection<T>, Connection<T>>;

/** Makes the connection type of a node type. */
export function connections(builder: Builder): <T extends object>(name: string, node: ObjectRef<Types, T, T>) => ConnectionRef<T> {
  const info = builder.objectRef<PageInfo>("PageInfo").implement({
    description: "Where a page stands in its list.",
    fields: (t) => ({
      hasNextPage: t.exposeBoolean("hasNextPage", { description: "Whether there is more after this page." }),
      hasPreviousPage: t.exposeBoolean("hasPreviousPage", { description: "Whether there is something before this page." }),
      startCursor: t.exposeString("startCursor", { nullable: true, description: "Cursor of the first entry; give it as `before` for the page before." }),
      endCursor: t.exposeString("endCursor", { nullable: true, description: "Cursor of the last entry; give it as `after` for the next page." }),
    }),
  });
  return <T extends object>(name: string, node: ObjectRef<Types, T, T>) => {
    const edge = builder.objectRef<{ cursor: string; node: T }>(`${name}Edge`).implement({
      description: `One ${name} in a page.`,
      fields: (t) => ({
        cursor: t.exposeString("cursor", { description: "Its place in the list, opaque." }),
        // Pothos makes the type of a result a condition on T, which is open here.
        node: t.field({ type: node, description: "The thing itself.", resolve: (e) => e.node as never }),
      }),
    });
    return builder.objectRef<Connection<T>>(`${name}Connection`).implement({
      description: `A page of a list of ${name}.`,
      fields: (t) => ({
        edges: t.field({ type: [edge], description: "Entries with their cursors.", complexity: { field: 1, multiplier: 1 }, resolve: (c) => [...c.edges] }),
        nodes: t.field({ type: [node], description: "Entries without cursors.", complexity: { field: 1, multiplier: 1 }, resolve: (c) => c.edges.map((e) => e.node) }),
        pageInfo: t.field({ type: info, description: "Where this page stands.", resolve: (c) => c.pageInfo }),
      }),
    });
  };
}
