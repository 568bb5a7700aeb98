import type { Model } from "../ir/model.ts";
import type { OpTable } from "../ops/op.ts";
import { modelSize, type ModelSize } from "../stats-size.ts";
import type { StepRecord } from "../technique/run-step.ts";

/** What a run did, as plain JSON data. */
export interface ReportData {
  readonly version: 1;
  readonly seed: number;
  readonly elapsedMs: number;
  readonly before: ModelSize;
  readonly after: ModelSize;
  readonly steps: readonly StepRecord[];
}

export class Report {
  readonly data: ReportData;

  constructor(data: ReportData) {
    this.data = data;
  }

  toJSON(): ReportData {
    return this.data;
  }
}

export function makeReport(run: {
  readonly before: Model;
  readonly after: Model;
  readonly steps: readonly StepRecord[];
  readonly seed: number;
  readonly elapsedMs: number;
  readonly ops: OpTable;
}): Report {
  const { before, after, steps, seed, elapsedMs } = run;
  return new Report({ version: 1, seed, elapsedMs, before: modelSize(before), after: modelSize(after), steps });
}
