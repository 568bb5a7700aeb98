/** Operations that know the types of their results and variables, as gql.tada and GraphQL Code Generator make them. */
export interface Operation<Result, Variables> {
  /** Only a type; nothing is there. */
  readonly __apiType?: (variables: Variables) => Result;
}

/** Variables may be left out where none is required. */
export type VariablesFor<Variables> = Record<never, never> extends Variables ? [variables?: Variables] : [variables: Variables];

/** @throws TypeError for an operation that does not carry its text */
export function textOf(operation: string | Operation<unknown, never>): string {
  if (typeof operation === "string" || operation instanceof String) return operation.toString();
  const text = (operation as { loc?: { source?: { body?: string } } }).loc?.source?.body;
  if (text === undefined) throw new TypeError("This operation does not carry its text. Make it with `graphql` of @lathe/gateway/graphql, or pass the text itself.");
  return text;
}
