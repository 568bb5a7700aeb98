/** What the techniques promise, and what they tell of the rest. */
import type { Json, Model, Warning } from "@lathe/core";
import { checkTensorRT } from "../rules/check.ts";
import type { Finding } from "../rules/finding.ts";

/** Rules that a rewrite of ours must not break, whatever the model had before. */
const ours = /^(qdq-|integer-op$|mixed-types$|half-infinity$)/;

/** For `ensures`: the quantizers and types that a technique wrote are legal. */
export function legalPrecision(model: Model, { version }: { readonly version: string }): string | undefined {
  return checkTensorRT(model, { version }).find((f) => f.severity === "error" && ours.test(f.id))?.message;
}

/** Everything but notes becomes a warning of the run; all findings stand in its details. */
export function tell(model: Model, version: string, warn: (warning: Warning) => void): { findings: Json; errors: number; warnings: number } {
  const findings = checkTensorRT(model, { version });
  for (const f of findings) if (f.severity !== "note") warn({ code: code(f), message: `${f.message} ${f.remedy}`, ...(f.node === undefined ? {} : { node: f.node }) });
  const count = (severity: Finding["severity"]): number => findings.filter((f) => f.severity === severity).length;
  return { findings: findings.map((f) => ({ ...f })), errors: count("error"), warnings: count("warning") };
}

/** "TRT_QDQ_AXIS". */
const code = ({ id }: Finding): string => `TRT_${id.replaceAll("-", "_").toUpperCase()}`;
