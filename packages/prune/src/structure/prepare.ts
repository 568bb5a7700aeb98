/** What pruning needs of a model before it looks at axes. */
import {
  constantNodes, deadCode, fixpoint, foldConstants, freezeDefaults, inferShapes, inferTypes, inlineFunctions, inlineIf, passContext, runPass, sequence,
  shapeConstants, type Graph, type Model, type OpTable, type Tensor,
} from "@lathe/core";

/** Lengths that exported code reads off its tensors become constants where they are known: a length that is read cannot be cut. */
const settle = fixpoint(sequence("settle", [inferTypes, shapeConstants, foldConstants, inlineIf, deadCode]));

/**
 * Constants as initializers, input defaults frozen, local functions inlined, shape arithmetic folded, shapes inferred, vectors of its
 * own for every node. Edits the model in place; it computes the same.
 */
export async function prepare(model: Model, ops: OpTable, signal?: AbortSignal): Promise<void> {
  const ctx = passContext({ ops, ...(signal ? { signal } : {}) });
  for (const pass of [freezeDefaults, inlineFunctions, constantNodes, settle]) await runPass(pass, model, ctx);
  for (const graph of [...model.graph.allGraphs()]) unshareVectors(graph);
  inferShapes(model, { ops });
}

/**
 * Exporters merge equal tensors. A bias of zeros that several layers read would tie their channels together although they have
 * nothing to do with each other, so each gets a copy; shared matrices (tied embeddings) stay shared.
 */
function unshareVectors(graph: Graph): void {
  const taken = new Set([...graph.root.allGraphs()].flatMap((one) => [...one.values()]).map((value) => value.name));
  const fresh = (base: string): string => {
    let i = 1;
    while (taken.has(`${base}_${i}`)) i++;
    taken.add(`${base}_${i}`);
    return `${base}_${i}`;
  };
  for (const value of [...graph.initializers]) {
    if (value.isGraphOutput || !isVector(value.tensor!)) continue;
    for (const { node, index } of [...value.uses].slice(1)) node.setInput(index, node.graph!.addInitializer(fresh(value.name), value.tensor!));
  }
}

const isVector = ({ dims, dtype }: Tensor): boolean => dtype.includes("float") && dims.filter((d) => d > 1).length === 1;
