import { defineErrors } from "../errors.ts";

const looksBroken = "A pass or plugin left the graph inconsistent; verify after each step to find which one.";

/** What {@link verify} can find. */
export const verifyErrors = defineErrors({
  VERIFY_DANGLING: {
    text: (d: { node: string; value: string; index: number }) => `Input ${d.index} of node "${d.node}" reads "${d.value}", which nothing in the model makes.`,
    remedy: "Redirect the consumers of a node before removing it.",
  },
  VERIFY_NOT_VISIBLE: {
    text: (d: { node: string; value: string; owner: string; graph: string }) =>
      `Node "${d.node}" of graph "${d.graph}" reads "${d.value}", which belongs to graph "${d.owner}" and is not visible there.`,
    remedy: "A subgraph sees its own values and those of the graphs around it, nothing else; pass the value out as an output.",
  },
  VERIFY_ORDER: {
    text: (d: { node: string; value: string; producer: string }) => `Node "${d.node}" reads "${d.value}" before node "${d.producer}" makes it.`,
    remedy: "Call graph.sort(); if that fails the graph has a cycle.",
  },
  VERIFY_USES: {
    text: (d: { value: string; expected: number; received: number }) => `Value "${d.value}" is read by ${d.expected} input slots and graph outputs but remembers ${d.received}.`,
    remedy: looksBroken,
  },
  VERIFY_ORIGIN: {
    text: (d: { value: string; where: string }) => `Value "${d.value}" stands in ${d.where} but says it comes from elsewhere.`,
    remedy: looksBroken,
  },
  VERIFY_PARENT: {
    text: (d: { node: string; attribute: string }) => `The subgraph "${d.attribute}" of node "${d.node}" does not know the node that holds it.`,
    remedy: "Set subgraphs with node.setAttribute(...), and do not share one graph between two nodes.",
  },
  VERIFY_OUTPUT: {
    text: (d: { graph: string; value: string; reason: string }) => `Output "${d.value}" of graph "${d.graph}" ${d.reason}.`,
    remedy: "Every graph output is a value of that graph, with a name of its own in the main graph.",
  },
  VERIFY_INPUT_NAME: {
    text: (d: { graph: string; value: string; reason: string }) => `Input "${d.value}" of graph "${d.graph}" ${d.reason}.`,
    remedy: "Inputs of the main graph need different, non-empty names.",
  },
  VERIFY_INITIALIZER: {
    text: (d: { value: string; reason: string }) => `Initializer "${d.value}" ${d.reason}.`,
    remedy: "Change initializers with graph.setInitializer(...), which keeps content and type together.",
  },
  VERIFY_OPSET: {
    text: (d: { domain: string; node: string; op: string }) => `Node "${d.node}" (${d.op}) is of domain "${d.domain}", which the model does not import.`,
    remedy: "Add the domain to opsetImports.",
  },
  VERIFY_UNKNOWN_OP: {
    text: (d: { node: string; op: string }) => `Node "${d.node}" uses the operator ${d.op}, which is neither in the operator table nor a function of the model.`,
    remedy: "It is left as it is; describe it with standardOps.extend([...]) to have it checked.",
  },
  VERIFY_OP_VERSION: {
    text: (d: { node: string; op: string; opset: number; reason: string }) => `Node "${d.node}": ${d.op} ${d.reason} in version ${d.opset} of its operator set.`,
    remedy: "Convert the model with convertOpset, or write the operator of that version.",
  },
  VERIFY_ARITY: {
    text: (d: { node: string; op: string; port: "inputs" | "outputs"; expected: string; received: number }) =>
      `Node "${d.node}" (${d.op}) has ${d.received} ${d.port} where ${d.expected} are allowed.`,
    remedy: "Compare the node with the operator's signature at the model's opset.",
  },
  VERIFY_REQUIRED: {
    text: (d: { node: string; op: string; port: "input" | "output" | "attribute"; name: string }) => `Node "${d.node}" (${d.op}) lacks the required ${d.port} "${d.name}".`,
    remedy: "Compare the node with the operator's signature at the model's opset.",
  },
  VERIFY_ATTRIBUTE: {
    text: (d: { node: string; op: string; attribute: string; reason: string }) => `Attribute "${d.attribute}" of node "${d.node}" (${d.op}) ${d.reason}.`,
    remedy: "Compare the node with the operator's signature at the model's opset.",
  },
  VERIFY_TYPE: {
    text: (d: { node: string; op: string; port: string; expected: string; received: string }) =>
      `${d.port} of node "${d.node}" (${d.op}) has type ${d.received} where ${d.expected} was expected.`,
    remedy: "Insert a Cast, or use the operator of an opset that takes this type.",
  },
  VERIFY_FUNCTION: {
    text: (d: { name: string; reason: string }) => `Function ${d.name} ${d.reason}.`,
    remedy: "ONNX functions may not call themselves, also not through others, and calls nest at most 100 deep.",
  },
});
