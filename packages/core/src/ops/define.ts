import { parseSchemas } from "./schema-text.ts";
import type { OpDef, OpSchema } from "./op.ts";

/** An operator as the family files write it: signatures as texts by version (see schema-text.ts), then its rules. */
export interface OpSpec extends Omit<OpDef, "domain" | "schemas"> {
  readonly since: Readonly<Record<number, string>>;
}

/** Makes operators of one domain. Signatures are parsed when first asked for, so that importing the table stays cheap. */
export const opIn = (domain: string) => (spec: OpSpec): OpDef => {
  const { since, ...rules } = spec;
  let schemas: readonly OpSchema[] | undefined;
  return { domain, ...rules, get schemas() { return (schemas ??= parseSchemas(since)); } };
};

/** An operator of ai.onnx. */
export const op = opIn("");
/** An operator of ai.onnx.ml (classical machine learning). */
export const mlOp = opIn("ai.onnx.ml");
/** An operator of com.microsoft, ONNX Runtime's own set. */
export const msOp = opIn("com.microsoft");
