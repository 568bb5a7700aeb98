/** Operators that work element by element: every axis of the result is the same axis of the inputs. */
import { alignRight, broadcastTies, inputShapes, output, input, rule, type Ties } from "./build.ts";

/** One tensor in (input 0), one or more tensors of the same shape out. Further inputs are scalars. */
export const sameShape: Ties = (c) => {
  const rank = c.shape(0)?.length ?? c.outShape(0)?.length;
  if (rank === undefined) return undefined;
  const r = rule();
  const outputs = c.node.outputs.flatMap((v, i) => (v ? [i] : []));
  for (let axis = 0; axis < rank; axis++) r.same([input(0, axis), ...outputs.map((o) => output(o, axis))]);
  return r.done();
};

/** NumPy broadcasting of all inputs. Before operator set 7 binary operators aligned axes by attributes: held. */
export const broadcasting: Ties = (c) => {
  const shapes = inputShapes(c);
  const result = c.outShape(0);
  if (!shapes || !result || (c.opset < 7 && shapes.some((s) => s.shape.length !== result.length))) return undefined;
  const r = rule();
  broadcastTies(r, result, shapes.map(({ index, shape }) => alignRight(index, shape, result.length)));
  return r.done();
};

/** The second input gives only its element type: its axes may be cut as they like. */
export const castLikeTies: Ties = (c) => {
  const made = sameShape(c);
  const like = c.shape(1);
  return made && like && { ...made, free: like.map((_, axis) => ({ axis: input(1, axis) })) };
};
