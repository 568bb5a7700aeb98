/**
 * Operations written as text, with the types of their results and variables read from the shipped schema by gql.tada, which is an optional
 * peer: install it beside the gateway's client. What techniques a gateway offers is its own affair: `StepInput` is typed loosely.
 */
import { print, type DocumentNode } from "graphql";
import { initGraphQLTada } from "gql.tada";
import type { introspection } from "./introspection.ts";
import type { StepInput } from "./types.ts";

export { readFragment, type FragmentOf, type ResultOf, type TadaDocumentNode, type VariablesOf } from "gql.tada";

export interface Scalars {
  /** ISO 8601, in UTC. */
  DateTime: string;
  JSON: unknown;
  /** A whole number up to 2^53. */
  Long: number;
  StepInput: StepInput;
}

type Typed = initGraphQLTada<{ introspection: introspection; scalars: Scalars; disableMasking: true }>;

const tada: Typed = initGraphQLTada();

/** gql.tada leaves the text of an operation away; the client sends it. */
function make(text: string, fragments?: readonly never[]): object {
  const document = tada(text, fragments) as unknown as DocumentNode;
  const body = print(document);
  return Object.defineProperty(document, "loc", { value: { start: 0, end: body.length, source: { body, name: "operation", locationOffset: { line: 1, column: 1 } } } });
}

/** @example const stats = graphql(`query ($id: ID!) { model(id: $id) { name stats { macs } } }`); */
export const graphql: Typed = Object.assign(make as unknown as Typed, { scalar: tada.scalar, persisted: tada.persisted });
