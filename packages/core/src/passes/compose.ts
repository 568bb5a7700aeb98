/** Passes made of passes. */
import { assertValid } from "../ir/verify.ts";
import type { Model } from "../ir/model.ts";
import { isLatheError } from "../errors.ts";
import { passErrors } from "./errors.ts";
import type { Pass, PassContext, PassResult } from "./pass.ts";
import { scopes } from "./scope.ts";

/** Nodes of the main graph, functions and all subgraphs. */
export function countNodes(model: Model): number {
  let count = 0;
  for (const { graph } of scopes(model)) for (const one of graph.allGraphs()) count += one.nodeCount;
  return count;
}

/**
 * Runs one pass unless it is disabled: verifies after it when the context says so, and tells `ctx.ran`.
 * @throws PASS_BROKE_MODEL with the finding as cause.
 */
export async function runPass(pass: Pass, model: Model, ctx: PassContext): Promise<PassResult> {
  if (ctx.disabled.has(pass.name)) return { modified: false };
  ctx.signal?.throwIfAborted();
  const nodesBefore = countNodes(model);
  const start = performance.now();
  const result = await pass.run(model, ctx);
  ctx.ran?.({ pass: pass.name, modified: result.modified, nodesBefore, nodesAfter: countNodes(model), milliseconds: performance.now() - start });
  if (result.modified && ctx.verifyBetween) checkAfter(pass, model, ctx);
  return result;
}

function checkAfter(pass: Pass, model: Model, ctx: PassContext): void {
  try {
    assertValid(model, { ops: ctx.ops });
  } catch (error) {
    throw isLatheError(error) ? passErrors.PASS_BROKE_MODEL({ pass: pass.name, issue: error.message }, error) : error;
  }
}

/** The passes one after another, once. */
export function sequence(name: string, passes: readonly Pass[], summary = passes.map((p) => p.name).join(", ")): Pass {
  return {
    name,
    summary,
    async run(model, ctx) {
      let modified = false;
      for (const pass of passes) modified = (await runPass(pass, model, ctx)).modified || modified;
      return { modified };
    },
  };
}

/** Repeats a pass until it changes nothing, at most `bound` times; warns when that is not enough. */
export function fixpoint(pass: Pass, bound = 20): Pass {
  return {
    name: pass.name,
    summary: pass.summary,
    async run(model, ctx) {
      for (let i = 0; i < bound; i++) {
        const { modified } = await pass.run(model, ctx);
        if (!modified) return { modified: i > 0 };
      }
      ctx.warn({ code: "PASS_NO_FIXPOINT", message: `The pass "${pass.name}" still changes the model after ${bound} rounds; it was stopped there.` });
      return { modified: true };
    },
  };
}
