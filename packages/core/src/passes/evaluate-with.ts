import { Graph } from "../ir/graph.ts";
import { Model } from "../ir/model.ts";
import { Node } from "../ir/node.ts";
import type { Runtime } from "../runtime.ts";
import type { Tensor } from "../tensor.ts";
import type { PassContext } from "./pass.ts";

/**
 * Computes constant nodes by running them, one at a time, exactly as written. What the runtime refuses (no kernel, wrong arguments)
 * is not folded.
 */
export function evaluateWith(runtime: Runtime): NonNullable<PassContext["evaluate"]> {
  return async (node, inputs, opsetImports) => {
    const { model, names } = nodeModel(node, inputs, opsetImports);
    try {
      const session = await runtime.load(model, { optimization: "disabled", threads: 1 });
      try {
        const results = await session.run(feedsOf(inputs));
        // Absent outputs get no tensor; callers do not look there.
        return names.map((name) => results[name]) as Tensor[];
      } finally {
        await session.dispose();
      }
    } catch {
      return undefined;
    }
  };
}

const feedsOf = (inputs: readonly (Tensor | undefined)[]): Record<string, Tensor> =>
  Object.fromEntries(inputs.flatMap((tensor, i) => (tensor ? [[`i${i}`, tensor]] : [])));

/** A model of that one node, its constants as inputs. */
function nodeModel(node: Node, inputs: readonly (Tensor | undefined)[], opsetImports: ReadonlyMap<string, number>): { model: Model; names: string[] } {
  const graph = new Graph("fold");
  const values = inputs.map((tensor, i) => (tensor ? graph.addInput(`i${i}`, { kind: "tensor", dtype: tensor.dtype, shape: tensor.dims }) : null));
  const names = node.outputs.map((output, i) => (output ? `o${i}` : ""));
  const copy = graph.append(new Node({ opType: node.opType, domain: node.domain, inputs: values, outputs: names, attributes: node.attributes }));
  for (const output of copy.outputs) if (output?.name) graph.addOutput(output);
  return { model: new Model({ graph, opsetImports, irVersion: 10 }), names };
}
