/** What happens to gradients before the optimizer sees them. */
import type { Graph, Value } from "@lathe/core";
import { carry, zeros, type Carried } from "./carry.ts";
import type { OptimizerContext } from "./optimizers.ts";

const ACCUMULATED = "accumulated";

/** Adds each gradient's share to what earlier batches left; what is carried on is 0 after a step that applied it. */
export function accumulated(graph: Graph, c: OptimizerContext, gradients: ReadonlyMap<Value, Value>, count: number, apply: Value, state: Carried[]): Map<Value, Value> {
  return new Map([...gradients].map(([parameter, gradient]) => {
    const slot = graph.addInput(`${parameter.name}/${ACCUMULATED}`, parameter.type);
    const sum = c.emit("Add", [slot, c.emit("Mul", [gradient, c.scalar(1 / count)])]);
    const kept = c.emit("Where", [apply, c.emit("Sub", [slot, slot]), sum]);
    state.push(carry(graph, slot, kept, zeros(parameter.tensor!)));
    return [parameter, sum] as const;
  }));
}

/** Scales all gradients by min(1, max / norm), norm over all of them (Pascanu et al. 2013). */
export function clip(c: OptimizerContext, gradients: ReadonlyMap<Value, Value>, limit: number): Map<Value, Value> {
  const squares = [...gradients.values()].map((g) => c.squaredNorm(g));
  const norm = c.emit("Sqrt", [squares.length === 1 ? squares[0]! : c.emit("Sum", squares)]);
  const factor = c.emit("Min", [c.emit("Div", [c.scalar(limit), c.emit("Add", [norm, c.scalar(1e-6)])]), c.scalar(1)]);
  return new Map([...gradients].map(([parameter, gradient]) => [parameter, c.emit("Mul", [gradient, factor])]));
}
