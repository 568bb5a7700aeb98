import { defineErrors } from "../errors.ts";

export const irErrors = defineErrors({
  IR_NO_OUTPUT: {
    text: (d: { node: string }) => `Node "${d.node}" has no first output.`,
    remedy: "Every node needs at least one output that something reads.",
  },
  IR_VALUE_TAKEN: {
    text: (d: { value: string; node: string }) => `Value "${d.value}" already has an origin and cannot become an output of "${d.node}".`,
    remedy: "Make a new Value, or detach the node that produces it first.",
  },
  IR_STILL_USED: {
    text: (d: { value: string; node: string }) => `Value "${d.value}" of "${d.node}" is still read by other nodes or is a graph output.`,
    remedy: "Redirect its consumers with graph.replaceUses(...) first.",
  },
  IR_ATTRIBUTE_KIND: {
    text: (d: { node: string; attribute: string; expected: string; received: string }) =>
      `Attribute "${d.attribute}" of "${d.node}" is of kind ${d.received} where ${d.expected} was expected.`,
    remedy: "The file is malformed or the operator is of another version; check the model with lathe inspect.",
  },
  IR_NOT_IN_GRAPH: {
    text: (d: { what: string; graph: string }) => `${d.what} is not in graph "${d.graph}".`,
    remedy: "Edit through the graph that owns it.",
  },
  IR_ALREADY_IN_GRAPH: {
    text: (d: { node: string }) => `Node "${d.node}" is already in a graph.`,
    remedy: "Remove it there first, or clone it.",
  },
  IR_CAPTURE: {
    text: (d: { value: string }) => `Value "${d.value}" is captured from outside the graph that is cloned.`,
    remedy: "Clone the outer graph, or pass a mapping for captured values.",
  },
});
