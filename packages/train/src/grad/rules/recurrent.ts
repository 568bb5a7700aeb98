/** LSTM and GRU are written out step by step before differentiation (grad/unroll.ts); what reaches these rules could not be. */
import { type GradRule, type OpRules } from "@lathe/core";
import { rule, unsupported } from "../build.ts";
import { unrollObstacle } from "../unroll.ts";

const refuse: GradRule = (c) => unsupported(c, unrollObstacle(c.node) ?? "a node inside a subgraph");

export const recurrent: readonly OpRules[] = [rule("LSTM", refuse), rule("GRU", refuse)];
