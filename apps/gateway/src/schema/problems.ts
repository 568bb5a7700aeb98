/** Failures that a client can act on are part of the schema: each mutation gives a union of its result and these. */
import type { ObjectRef } from "@pothos/core";
import { isForClient, withoutCode } from "../errors.ts";
import type { Builder, Types } from "./builder.ts";

export const problemTypes = ["InvalidInput", "NotFound", "Conflict", "LimitExceeded", "Forbidden"] as const;
export type ProblemType = (typeof problemTypes)[number];

export interface ProblemValue {
  readonly __typename: ProblemType;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

const descriptions: Record<ProblemType, string> = {
  InvalidInput: "The input, or the file behind it, is not as it must be.",
  NotFound: "There is no such thing, or it is not yours.",
  Conflict: "It does not fit the present state: a key used twice, a job that is over, a thing that is in use.",
  LimitExceeded: "A limit of this gateway was reached.",
  Forbidden: "The key lacks the scope.",
};

/** By code. Errors that techniques and readers raise about the user's input carry codes of their own packages: those are InvalidInput. */
const typeOf: Readonly<Record<string, ProblemType>> = {
  NOT_FOUND: "NotFound",
  IDEMPOTENCY_CONFLICT: "Conflict",
  JOB_STATE: "Conflict",
  IN_USE: "Conflict",
  UPLOAD_MISSING: "Conflict",
  TOO_MANY: "LimitExceeded",
  UPLOAD_TOO_LARGE: "LimitExceeded",
  TIMED_OUT: "LimitExceeded",
  OUT_OF_MEMORY: "LimitExceeded",
  FORBIDDEN: "Forbidden",
};

/** @throws what is not for clients: the caller masks it */
export function problemOf(error: unknown): ProblemValue {
  if (!isForClient(error)) throw error;
  const { code, remedy } = error;
  const said = withoutCode(code, error.message);
  return { __typename: typeOf[code] ?? "InvalidInput", code, message: said.endsWith(` ${remedy}`) ? said.slice(0, -remedy.length - 1) : said, remedy };
}

export function problems(builder: Builder) {
  const base = builder.interfaceRef<ProblemValue>("UserError").implement({
    description: "What all expected failures have.",
    fields: (t) => ({
      code: t.exposeString("code", { description: "Stable, for programs: NOT_FOUND." }),
      message: t.exposeString("message", { description: "One sentence for people." }),
      remedy: t.exposeString("remedy", { description: "What to do about it." }),
    }),
  });
  const refs = problemTypes.map((name) =>
    builder.objectRef<ProblemValue>(name).implement({ description: descriptions[name], interfaces: [base], isTypeOf: (value) => (value as { __typename?: string }).__typename === name }),
  );
  return <A extends { readonly __typename: string }, B extends { readonly __typename: string } = A>(name: string, description: string, first: ObjectRef<Types, A, A>, second?: ObjectRef<Types, B, B>) =>
    builder.unionType(name, { description, types: [first, ...(second ? [second] : []), ...refs], resolveType: (value) => (value as { __typename: string }).__typename });
}

/** Runs a mutation; failures of ours become values. */
export async function settle<T>(work: () => Promise<T>): Promise<T | ProblemValue> {
  try {
    return await work();
  } catch (error) {
    return problemOf(error);
  }
}
