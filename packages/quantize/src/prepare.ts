/** Brings a model into the form that quantization works on: constants as initializers, unique names, types known, a recent enough opset. */
import { convertOpset, inferShapes, isLatheError, type Graph, type Model } from "@lathe/core";
import { quantizeErrors } from "./errors.ts";

/**
 * Brings the model into shape and gives it back (converted in place where it can be).
 * @param least operator set that is needed.
 * @param wanted operator set that would be better; when some node cannot be converted that far, the model stays at `least`.
 * @throws QUANT_ALREADY, QUANT_FLOAT16, OPSET_CANNOT_CONVERT
 */
export function prepare(model: Model, least: number, wanted = least): Model {
  refuse(model);
  freezeDefaults(model.graph);
  liftConstants(model.graph);
  uniqueNames(model.graph);
  inferShapes(model);
  raiseOpset(model, least);
  if (model.opset >= wanted) return model;
  const raised = model.clone();
  try {
    raiseOpset(raised, wanted);
    return raised;
  } catch (error) {
    if (isLatheError(error, "OPSET_CANNOT_CONVERT")) return model;
    throw error;
  }
}

function raiseOpset(model: Model, to: number): void {
  if (model.opset >= to) return;
  convertOpset(model, to);
  liftConstants(model.graph);
  uniqueNames(model.graph);
  inferShapes(model);
}

const integerOps = /^(QLinear|DynamicQuantize|QuantizeLinear$|MatMulInteger|ConvInteger|MatMulNBits|MatMulBnb4|QGemm|QAttention|GatherBlockQuantized)/;

/** @throws QUANT_ALREADY, QUANT_FLOAT16 */
export function refuse(model: Model): void {
  for (const node of model.graph.allNodes()) if (integerOps.test(node.opType)) throw quantizeErrors.QUANT_ALREADY({ node: node.label });
  for (const value of model.graph.initializers) {
    if ((value.dtype === "float16" || value.dtype === "bfloat16") && value.tensor!.dims.length > 1) throw quantizeErrors.QUANT_FLOAT16({ tensor: value.name, dtype: value.dtype });
  }
}


/** `Constant` nodes become initializers of the same name, in subgraphs too. */
export function liftConstants(graph: Graph): void {
  for (const each of Array.from(graph.allGraphs())) {
    for (const node of each.nodes) {
      const tensor = node.constantOutput(0);
      if (!tensor) continue;
      const value = each.addInitializer(node.out.name, tensor);
      each.replaceUses(node.out, value);
      if (node.out.isUnused) each.remove(node);
    }
  }
}

/** Inputs that only carry a default (IR version 3 lists initializers as inputs) become plain initializers. */
export function freezeDefaults(graph: Graph): void {
  for (const each of graph.allGraphs()) for (const input of Array.from(each.inputs)) if (input.tensor) each.freezeInput(input);
}

/**
 * Gives every node and value a name of its own within its scope, so that options, ranges and reports can point at them.
 * Branches of an If may keep equal names: nothing can see both.
 */
export function uniqueNames(graph: Graph, outer: ReadonlySet<string> = new Set()): void {
  const taken = new Set(outer);
  const nodes = new Set<string>();
  for (const value of graph.values()) value.name = claim(taken, value.name || "value");
  for (const node of graph.nodes) node.name = claim(nodes, node.name || node.outputs.find((o) => o)?.name || node.opType);
  for (const node of graph.nodes) for (const { graph: inner } of node.subgraphs) uniqueNames(inner, taken);
}

/** The name, or the first of name_1, name_2 ... that is not taken; it is taken then. */
export function claim(taken: Set<string>, base: string): string {
  let name = base;
  for (let i = 1; taken.has(name); i++) name = `${base}_${i}`;
  taken.add(name);
  return name;
}
