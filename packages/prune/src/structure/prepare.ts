import { constantNodes, freezeDefaults, inferShapes, passContext, runPass, type Model, type OpTable } from "@lathe/core";

/** What cutting needs: constants as initializers, input defaults frozen, shapes inferred. Edits the model in place. */
export async function prepare(model: Model, ops: OpTable, signal?: AbortSignal): Promise<void> {
  const ctx = passContext({ ops, ...(signal ? { signal } : {}) });
  await runPass(freezeDefaults, model, ctx);
  await runPass(constantNodes, model, ctx);
  inferShapes(model, { ops });
}
