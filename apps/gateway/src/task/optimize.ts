import { fromRecipe, type Pipeline } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { techniquesOf } from "../techniques/offer.ts";
import type { RecipeStepJson } from "../jobs/model.ts";
import { factsOf } from "./facts.ts";
import { writeGraph } from "./graph-file.ts";
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
  const { stats, graph } = factsOf(await loadModel(join(folder, outputs.model)));
  await writeGraph(join(folder, outputs.graph), graph);
  await writeFile(join(folder, outputs.report), JSON.stringify(report.data));
  await writeFile(join(folder, outputs.html), report.toHtml());
  return { kind: "optimize", stats, external: existsSync(join(folder, outputs.data)) };
}
