/** What a parent and its child say to each other: the task as one line of JSON on the child's stdin, then lines of JSON on its fd 3. */
import type { Json, ReportData, RunEvent } from "@lathe/core";
import type { RecipeStepJson } from "../jobs/model.ts";
import type { GraphJson, StatsJson } from "./facts.ts";

/** Files of a model: the graph, and external data under the names by which the graph calls it. */
export interface ModelFiles {
  readonly graph: string;
  readonly data: readonly { readonly name: string; readonly path: string }[];
}

export interface DataFile {
  readonly path: string;
  readonly batch: number;
}

interface TaskBase {
  /** Fresh, and the child's own. */
  readonly folder: string;
  readonly threads: number;
}

export type Task = TaskBase & (
  | { readonly kind: "inspect"; readonly model: ModelFiles }
  | { readonly kind: "plan"; readonly model: ModelFiles; readonly modules: readonly string[]; readonly steps: readonly RecipeStepJson[]; readonly hasData: boolean }
  | { readonly kind: "optimize"; readonly model: ModelFiles; readonly modules: readonly string[]; readonly steps: readonly RecipeStepJson[]; readonly seed: number; readonly data?: DataFile | undefined }
  | { readonly kind: "benchmark"; readonly models: readonly { readonly id: string; readonly files: ModelFiles }[]; readonly rounds: number; readonly data?: DataFile | undefined }
);

/** Names of files that a task leaves in its folder. */
export const outputs = { model: "result.onnx", data: "result.onnx.data" } as const;

export interface PlannedStep {
  readonly use: string;
  readonly options: Json;
  readonly needs: readonly string[];
  /** Why it would not run; null when nothing speaks against it. */
  readonly problem: string | null;
  readonly steps: readonly PlannedStep[];
}

export type TaskResult =
  | { readonly kind: "inspect"; readonly stats: StatsJson; readonly graph: GraphJson }
  | { readonly kind: "plan"; readonly steps: readonly PlannedStep[] }
  | { readonly kind: "optimize"; readonly stats: StatsJson; readonly graph: GraphJson; readonly report: ReportData; readonly html: string; readonly external: boolean }
  | { readonly kind: "benchmark"; readonly benchmark: Json };

export type FromChild =
  | { readonly ready: true }
  | { readonly event: RunEvent }
  | { readonly result: TaskResult }
  | { readonly failure: { readonly code: string; readonly message: string } };

/** One line may be at most this long; a child that writes more is ended. */
export const MAX_LINE = 256 * 2 ** 20;
