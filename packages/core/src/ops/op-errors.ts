import { defineErrors } from "../errors.ts";

export const opErrors = defineErrors({
  SHAPE_MISMATCH: {
    text: (d: { node: string; op: string; reason: string }) => `Node "${d.node}" (${d.op}) ${d.reason}.`,
    remedy: "The model is inconsistent there: check the shapes of the inputs, or what edited the graph before.",
  },
  TYPE_DECLARED: {
    text: (d: { value: string; declared: string; inferred: string }) => `Value "${d.value}" is declared as ${d.declared} but the operators give ${d.inferred}.`,
    remedy: "The inferred type is used. Infer with ignoreDeclared after edits, and check the exporter when it is a graph output.",
  },
  OP_UNKNOWN: {
    text: (d: { node: string; op: string }) => `Node "${d.node}" uses the operator ${d.op}, which is neither in the operator table nor a local function.`,
    remedy: "Add it with standardOps.extend([...]); until then its outputs keep the types that the model declares.",
  },
  OP_VERSION: {
    text: (d: { node: string; op: string; opset: number; since: number | undefined }) =>
      `Node "${d.node}" uses ${d.op}, which opset ${d.opset} does not have${d.since === undefined ? "" : ` (it came with ${d.since})`}.`,
    remedy: "Convert the model to a newer opset.",
  },
  OP_INPUTS: {
    text: (d: { node: string; op: string; input: string; index: number }) => `Node "${d.node}" (${d.op}) lacks its input ${d.index}, "${d.input}".`,
    remedy: "Connect the input; only those that the operator calls optional may be absent.",
  },
  INFER_INPUT: {
    text: (d: { input: string; known: readonly string[] }) => `"${d.input}" is not an input of the model; its inputs are ${d.known.map((n) => `"${n}"`).join(", ")}.`,
    remedy: "Name a graph input.",
  },
  FUNCTION_DEPTH: {
    text: (d: { node: string; limit: number }) => `Calls of local functions at node "${d.node}" nest deeper, or fan out further, than the limit of ${d.limit}.`,
    remedy: "The model is malformed or hostile: functions must not call themselves.",
  },
});
