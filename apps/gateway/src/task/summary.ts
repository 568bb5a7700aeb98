/** What the gateway itself tells of a report; the rest is for whoever fetches the file. */
import type { Json, ReportData } from "@lathe/core";
import { readFile } from "node:fs/promises";
import { withoutLayers, type StatsJson } from "./facts.ts";
import { MAX_LINE, type TaskOf, type TaskResult } from "./protocol.ts";

export interface ReportJson extends Pick<ReportData, "title" | "seed" | "elapsedMs" | "steps"> {
  readonly before: StatsJson;
  readonly after: StatsJson;
}

/** Details of steps have no bound; they are left to the file when all of it would be more than the gateway reads at once. */
export async function summarize({ report }: TaskOf<"summary">): Promise<TaskResult> {
  const whole = summaryOf(JSON.parse(await readFile(report, "utf8")) as ReportData);
  const fits = JSON.stringify(whole).length < MAX_LINE - 1000;
  return { kind: "summary", report: fits ? whole : { ...whole, steps: whole.steps.map((step) => ({ ...step, details: null as Json })) } };
}

export const summaryOf = ({ title, seed, elapsedMs, before, after, steps }: ReportData): ReportJson => ({ title, seed, elapsedMs, before: withoutLayers(before), after: withoutLayers(after), steps });
