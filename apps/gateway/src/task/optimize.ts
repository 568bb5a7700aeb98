import { fromRecipe, type Pipeline } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { techniquesOf } from "../techniques/offer.ts";
import type { RecipeStepJson } from "../jobs/model.ts";
import { factsOf } from "./facts.ts";
import { openModel } from "./open.ts";
import { outputs, type TaskHost, type TaskOf, type TaskResult } from "./protocol.ts";
import { lend } from "./services.ts";

export const pipelineOf = async (modules: readonly string[], steps: readonly RecipeStepJson[]): Promise<Pipeline> =>
  fromRecipe((await Promise.all(modules.map((module) => techniquesOf(module)))).flat(), steps);

export async function optimize({ model, folder, modules, steps, seed, lent, threads }: TaskOf<"optimize">, host: TaskHost): Promise<TaskResult> {
  const pipeline = await pipelineOf(modules, steps);
  const source = await openModel(model, folder);
  const services = await lend({ steps: pipeline.steps, source, lent, folder, threads });
  const run = pipeline.run(source, { ...services, signal: host.signal, seed, onEvent: host.event });
  const { model: made, report } = await run.result;
  await saveModel(made, join(folder, outputs.model));
  // What is told of the result is read from its file, as a user would.
  const saved = await loadModel(join(folder, outputs.model));
  return { kind: "optimize", ...factsOf(saved), report: report.data, html: report.toHtml(), external: existsSync(join(folder, outputs.data)) };
}
