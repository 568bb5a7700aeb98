import * as z from "zod";
import { MAX_OPSET } from "../ir/model.ts";
import { evaluateWith } from "../passes/evaluate-with.ts";
import { optionalPasses, simplifyModel, simplifyPasses } from "../passes/simplify.ts";
import { verified } from "./predicates.ts";
import { defineTechnique } from "./technique.ts";

/**
 * Simplifies the graph without changing what it computes: folds constants, shapes and normalisation, removes what does nothing,
 * recognises operators written in pieces. With a `runtime` it also computes constants that core's own evaluator does not know.
 *
 * @example pipeline(simplify({ opset: 21 })).run(model, { runtime })
 */
export const simplify = defineTechnique({
  name: "simplify",
  summary: "Simplifies the graph: same inputs, outputs and results, fewer nodes.",
  options: z.strictObject({
    opset: z.int().min(7).max(MAX_OPSET).optional().describe("convert to this operator set first, so that newer operators may be used; default: keep the model's"),
    disable: z.array(z.enum(simplifyPasses.map((p) => p.name))).default([]).describe("names of passes to leave out"),
    enable: z.array(z.enum(optionalPasses.map((p) => p.name))).default([]).describe("names of optional passes to run as well; their operators are not known to all engines"),
    rounds: z.int().min(1).max(100).default(20).describe("most rounds over the list of passes"),
  }),
  ensures: [verified],
  async apply(model, { opset, disable, enable, rounds }, ctx) {
    const { runtime } = ctx.services;
    const evaluate = runtime && evaluateWith(runtime);
    const report = await simplifyModel(model, { disable, enable, rounds, ...(opset === undefined ? {} : { opset }) }, {
      ops: ctx.ops,
      signal: ctx.signal,
      warn: (warning) => ctx.warn(warning),
      ran: (run) => ctx.progress({ done: 0, message: run.pass }),
      ...(evaluate ? { evaluate } : {}),
    }).finally(() => evaluate?.dispose());
    const { nodesBefore, nodesAfter } = report;
    return { metrics: { nodesBefore, nodesAfter }, details: { passes: report.passes.filter((p) => p.modified > 0).map((p) => ({ ...p })) } };
  },
});
