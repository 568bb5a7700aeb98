/** QuantizeLinear and DequantizeLinear: scale and zero point follow the axis that they belong to. */
import type { Dim } from "../../ir/type.ts";
import { normalizeAxis } from "../rules/axes.ts";
import { input, isNumber, output, rule, type RuleBuilder, type Ties } from "./build.ts";

export const quantizeTies: Ties = (c) => {
  const [x, scale] = [c.shape(0), c.shape(1)];
  if (!x || !scale) return undefined;
  const at = normalizeAxis(c.node.int("axis", 1), x.length);
  const block = c.node.int("block_size", 0);
  const parameters = [1, 2].filter((i) => c.node.input(i) !== undefined);
  const r = rule();
  for (let axis = 0; axis < x.length; axis++) {
    if (block > 0) blocked(r, axis, axis === at, block, x[axis], parameters);
    else {
      const own = scale.length === 1 && scale[0] !== 1 && axis === at ? parameters.map((i) => input(i, 0)) : [];
      r.same([input(0, axis), output(0, axis), ...own]);
    }
  }
  return r.done();
};

/** One scale for `block` neighbours: whole blocks go, and the last one must be whole. */
function blocked(r: RuleBuilder, axis: number, isBlocked: boolean, block: number, length: Dim | undefined, parameters: readonly number[]): void {
  const own = parameters.map((i) => input(i, axis));
  if (!isBlocked) return void r.same([input(0, axis), output(0, axis), ...own]);
  if (!isNumber(length) || length % block !== 0) return;
  r.same(own).tie(own[0]!, input(0, axis), { inner: block }).tie(input(0, axis), output(0, axis));
}
