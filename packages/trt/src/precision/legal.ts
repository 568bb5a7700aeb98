/** What the techniques promise, and what they tell of the rest. */
import type { Json, Model, Warning } from "@lathe/core";
import { checkTensorRT } from "../rules/check.ts";
import type { Finding } from "../rules/finding.ts";

type Check = (model: Model, options: { readonly version: string }) => string | undefined;

const without = (ours: RegExp): Check => (model, { version }) => checkTensorRT(model, { version }).find((f) => f.severity === "error" && ours.test(f.id))?.message;

/** For `ensures`: quantizers are legal, all of which the technique wrote. */
export const legalQuantizers = without(/^(qdq-|integer-op$|mixed-types$)/);
/** For `ensures`: types fit; of quantizers that were there before, scales have the new type. */
export const legalTypes = without(/^(qdq-scale-type|mixed-types)$/);

/** Everything but notes becomes a warning of the run; all findings stand in its details. */
export function tell(model: Model, version: string, warn: (warning: Warning) => void): { findings: Json; errors: number; warnings: number } {
  const findings = checkTensorRT(model, { version });
  for (const f of findings) if (f.severity !== "note") warn({ code: code(f), message: `${f.message} ${f.remedy}`, ...(f.node === undefined ? {} : { node: f.node }) });
  const count = (severity: Finding["severity"]): number => findings.filter((f) => f.severity === severity).length;
  return { findings: findings.map((f) => ({ ...f })), errors: count("error"), warnings: count("warning") };
}

/** "TRT_QDQ_AXIS". */
const code = ({ id }: Finding): string => `TRT_${id.replaceAll("-", "_").toUpperCase()}`;
