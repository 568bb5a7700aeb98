/** The tasks of a child. Reading a model needs no engine and no technique, so these are imported by the tasks that do. */
import { isLatheError } from "@lathe/core";
import { join } from "node:path";
import { problemFrom } from "../errors.ts";
import type { Problem } from "../jobs/model.ts";
import { factsOf } from "./facts.ts";
import { writeGraph } from "./graph-file.ts";
import { openModel } from "./open.ts";
import { outputs, type Task, type TaskHost, type TaskOf, type TaskResult } from "./protocol.ts";
import { summarize } from "./summary.ts";

export async function runTask(task: Task, host: TaskHost): Promise<TaskResult> {
  switch (task.kind) {
    case "inspect":
      return inspect(task);
    case "summary":
      return summarize(task);
    case "plan":
      return (await import("./plan.ts")).plan(task, host);
    case "optimize":
      return (await import("./optimize.ts")).optimize(task, host);
    case "benchmark":
      return (await import("./benchmark.ts")).time(task, host);
  }
}

async function inspect({ model, folder }: TaskOf<"inspect">): Promise<TaskResult> {
  const { stats, graph } = factsOf(await openModel(model, folder));
  await writeGraph(join(folder, outputs.graph), graph);
  return { kind: "inspect", stats };
}

/** Errors of ours keep their code; what others throw is told without a stack. */
export function failureOf(error: unknown): Problem {
  if (isLatheError(error)) return { ...problemFrom(error), message: problemFrom(error).message.slice(0, 4000) };
  return { code: "TASK_FAILED", message: (error instanceof Error ? error.message : String(error)).slice(0, 1000) };
}
