import { standardOps, type OpTable } from "@lathe/core";
import { convolution } from "./rules/conv.ts";
import { elementwise } from "./rules/elementwise.ts";
import { linear } from "./rules/linear.ts";
import { move } from "./rules/move.ts";
import { normalization } from "./rules/norm.ts";
import { reduce } from "./rules/reduce.ts";

/** The standard operators with their gradients. Extend it with rules of your own. */
export const trainOps: OpTable = standardOps.extend([...elementwise, ...linear, ...reduce, ...move, ...normalization, ...convolution]);
