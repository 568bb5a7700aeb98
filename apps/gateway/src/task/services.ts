/** What an attempt lends to its steps, made of the files that the job names. Only what the steps ask for is opened. */
import { evaluateLabelled, type Dataset, type Evaluate, type Model, type ServiceName, type Services, type Step } from "@lathe/core";
import { ortRuntime, type OrtRuntime } from "@lathe/ort";
import { trainer, type TrainerService } from "@lathe/train";
import { openData, openModel } from "./open.ts";
import type { Lent } from "./protocol.ts";

export interface LendOptions {
  readonly steps: readonly Step[];
  readonly source: Model;
  readonly lent: Lent;
  readonly folder: string;
  readonly threads: number;
  /** No more of the dataset than that; default: all. */
  readonly samples?: number;
}

/** A service whose files are not there is left out: a step that cannot do without it says so. */
export async function lend({ steps, source, lent, folder, threads, samples }: LendOptions): Promise<Partial<Services>> {
  const needs = new Set<ServiceName>(steps.flatMap((step) => step.needs));
  const runtime = ortRuntime({ load: { threads } });
  const data = needs.has("data") && lent.data ? await openData(lent.data, samples) : undefined;
  return {
    runtime,
    ...(data ? { data } : {}),
    ...(needs.has("evaluate") ? { evaluate: await judge(runtime, lent, data) } : {}),
    ...(needs.has("trainer") ? { trainer: await training(source, lent, folder, threads) } : {}),
  };
}

async function judge(runtime: OrtRuntime, { data: file, evaluation }: Lent, opened: Dataset | undefined): Promise<Evaluate> {
  const { data = file, metric, labels, output } = evaluation ?? {};
  // Whether there is data was asked before the job was accepted.
  const judged = data === file && opened ? opened : await openData(data!);
  return evaluateLabelled({ runtime, data: judged, metric, labels, output });
}

/** Training feeds and fetches all weights at each step: in this thread nothing is copied twice. The teacher is the model as it came in, unless another is named. */
async function training(source: Model, { teacher }: Lent, folder: string, threads: number): Promise<TrainerService> {
  return trainer({ runtime: ortRuntime({ placement: "inline", load: { threads } }), teacher: teacher ? await openModel(teacher, folder, "teacher") : source });
}
