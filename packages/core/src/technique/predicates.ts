/** Checks for `expects` and `ensures` that many techniques share. */
import type { Model } from "../ir/model.ts";
import { isFloat } from "../dtype.ts";
import { verify } from "../ir/verify.ts";
import { standardOps } from "../ops/standard.ts";
import { storedTensors, topGraphs } from "../stats-size.ts";

/** The model is sound: structure and operator signatures. */
export function verified(model: Model): string | undefined {
  const first = verify(model, { ops: standardOps }).find((issue) => issue.severity === "error");
  return first?.error.message;
}

/** At least one stored tensor holds floating-point numbers. */
export function floatWeights(model: Model): string | undefined {
  for (const top of topGraphs(model)) {
    for (const graph of top.allGraphs()) for (const tensor of storedTensors(graph)) if (isFloat(tensor.dtype)) return undefined;
  }
  return "it has no floating-point weights (it may be quantized already).";
}

/** The default operator set is at least `version`. */
export const opsetAtLeast = (version: number) => (model: Model): string | undefined =>
  model.opset >= version ? undefined : `it uses opset ${model.opset}, and at least ${version} is needed; convert it first.`;
