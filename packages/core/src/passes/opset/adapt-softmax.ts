import { attr } from "../../ir/attribute.ts";
import { isStatic, type Shape } from "../../ir/type.ts";
import { Node } from "../../ir/node.ts";
import { Tensor } from "../../tensor.ts";
import type { Conversion } from "./adapter.ts";

/**
 * Softmax, LogSoftmax and Hardmax before 13 work on all axes from `axis` on at once, from 13 on along one axis. They agree when the other
 * trailing axes have length one; otherwise the input is made two-dimensional and reshaped back, which is exact.
 */
export function softmax(c: Conversion): void {
  const { node, graph } = c;
  const axis = node.int("axis", 1);
  const x = node.input(0);
  if (!x) return c.refuse("it has no input");
  const single = singleAxis(axis, x.shape);
  node.setAttribute("axis", attr.int(single ?? -1));
  if (single !== undefined) return;
  const flat = c.emit("Flatten", [x], { axis: attr.int(axis) });
  const inner = c.emit(node.opType, [flat], { axis: attr.int(-1) });
  const shape = isStatic(x.shape) ? c.constant(Tensor.int64(x.shape), `${node.name || node.opType}_shape`) : c.emit("Shape", [x]);
  graph.replaceNode(node, graph.insertBefore(node, new Node({ opType: "Reshape", name: node.name, inputs: [inner, shape] })));
}

/** The one axis that stands for all from `axis` on, when there is one. */
function singleAxis(axis: number, shape: Shape | undefined): number | undefined {
  if (axis === -1) return -1;
  if (!shape) return undefined;
  const first = axis < 0 ? axis + shape.length : axis;
  const long = shape.flatMap((d, i) => (i >= first && d !== 1 ? [i] : []));
  if (long.length > 1 || first >= shape.length) return undefined;
  return long[0] ?? first;
}
