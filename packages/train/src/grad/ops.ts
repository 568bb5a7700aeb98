import { standardOps, type OpTable } from "@lathe/core";
import { convolution } from "./rules/conv/rules.ts";
import { elementwise } from "./rules/elementwise.ts";
import { linear } from "./rules/linear.ts";
import { losses } from "./rules/loss.ts";
import { move } from "./rules/move.ts";
import { normalization } from "./rules/norm.ts";
import { pooling } from "./rules/pool.ts";
import { fakeQuantization } from "./rules/quantize.ts";
import { recurrent } from "./rules/recurrent.ts";
import { reduce } from "./rules/reduce.ts";
import { resizing } from "./rules/resize.ts";

/** The standard operators with their gradients. Extend it with rules of your own. */
export const trainOps: OpTable = standardOps.extend([
  ...elementwise, ...linear, ...reduce, ...move, ...normalization, ...convolution, ...pooling, ...resizing, ...losses, ...fakeQuantization, ...recurrent,
]);
