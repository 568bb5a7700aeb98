/** Takes residual branches out, and the same as zeros: what the removal must be equal to. */
import { deadCode, Node, passContext, runPass, Tensor, type Model, type OpTable } from "@lathe/core";
import type { Branch } from "./branches.ts";

/** Leaves the stream in place of each sum, and drops what nothing reads any more. Edits the model that the branches were found in. */
export async function removeBranches(model: Model, branches: readonly Branch[], options: { readonly ops?: OpTable; readonly signal?: AbortSignal } = {}): Promise<void> {
  const { graph } = model;
  for (const { add, stream } of branches) {
    const value = add.input(stream)!;
    // An output of the model keeps a node of its own, so that it has a name of its own.
    if (add.out.isGraphOutput) graph.replaceNode(add, new Node({ opType: "Identity", name: add.name, inputs: [value] }));
    else {
      graph.replaceUses(add.out, value);
      graph.remove(add);
    }
  }
  await runPass(deadCode, model, passContext(options));
}

/** Multiplies what each branch adds with zero, in place: a model that computes exactly what is left after {@link removeBranches}. */
export function zeroBranches(model: Model, branches: readonly Branch[]): void {
  const { graph } = model;
  for (const { add, stream } of branches) {
    const branch = add.input(1 - stream)!;
    const zero = graph.addInitializer(graph.freshName("zero"), Tensor.from(branch.dtype ?? "float32", [], [0]));
    const gated = graph.insertBefore(add, new Node({ opType: "Mul", inputs: [branch, zero], outputs: [graph.freshName("gated")] }));
    gated.out.type = branch.type;
    add.setInput(1 - stream, gated.out);
  }
}
