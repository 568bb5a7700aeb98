import { defineErrors } from "../errors.ts";

export const passErrors = defineErrors({
  PASS_BROKE_MODEL: {
    text: (d: { pass: string; issue: string }) => `After the pass "${d.pass}" the model is no longer sound: ${d.issue}`,
    remedy: "This is a defect of the pass: report it with the model, and disable the pass by name meanwhile.",
  },
  PASS_UNKNOWN_NAME: {
    text: (d: { name: string; known: readonly string[] }) => `There is no pass named "${d.name}" to disable or enable; the names are ${d.known.join(", ")}.`,
    remedy: "Use one of the names listed.",
  },
  OPSET_TARGET: {
    text: (d: { target: number; max: number }) => `${d.target} is not an operator-set version that can be written (7 to ${d.max}).`,
    remedy: "Choose a version in that range.",
  },
  OPSET_DOWN: {
    text: (d: { from: number; target: number }) => `The model is of opset ${d.from}; converting down to ${d.target} is not supported.`,
    remedy: "Export the model again at the lower opset, or choose a target that is not lower.",
  },
  OPSET_CANNOT_CONVERT: {
    text: (d: { node: string; op: string; from: number; target: number; reason: string }) =>
      `Node "${d.node}" (${d.op}) cannot be converted from opset ${d.from} to ${d.target}: ${d.reason}.`,
    remedy: "Choose a lower target opset, or replace the node first.",
  },
  FUNCTION_CANNOT_INLINE: {
    text: (d: { node: string; function: string; reason: string }) => `The call "${d.node}" of function ${d.function} cannot be inlined: ${d.reason}.`,
    remedy: "Disable the pass inline-functions, or export the model without local functions.",
  },
});
