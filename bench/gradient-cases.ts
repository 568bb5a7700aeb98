/** Prints the gradient cases of packages/train with their values, for bench/peers/gradients.py. */
import { cases } from "../packages/train/test/cases/index.ts";
import { drawn, nameOf } from "../packages/train/test/cases/case.ts";

process.stdout.write(JSON.stringify(cases.map((c) => ({ name: nameOf(c), op: c.op, at: c.at ?? {}, outs: c.outs ?? 1, in: drawn(c) }))));
