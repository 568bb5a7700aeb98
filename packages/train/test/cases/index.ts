import type { Case } from "./case.ts";
import { conv, pool } from "./conv.ts";
import { elementwise } from "./elementwise.ts";
import { linear } from "./linear.ts";
import { move } from "./move.ts";
import { norm } from "./norm.ts";
import { recurrent } from "./recurrent.ts";
import { reduce } from "./reduce.ts";

export const cases: readonly Case[] = [...elementwise, ...linear, ...reduce, ...move, ...norm, ...conv, ...pool, ...recurrent];
