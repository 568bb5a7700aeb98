/** What steps are lent beside the model: data, a way to judge, a teacher. As controls hold it, and as the gateway takes it. */
import type { LentBefore, Technique } from "../api/types.ts";
import type { Draft } from "./steps.ts";

/** Texts of the controls; empty where nothing was chosen. */
export interface LentForm {
  readonly data: string;
  readonly batch: string;
  readonly seed: string;
  readonly name: string;
  readonly judgeData: string;
  readonly metric: string;
  readonly labels: string;
  readonly output: string;
  readonly teacher: string;
}

export const emptyLent: LentForm = { data: "", batch: "", seed: "", name: "", judgeData: "", metric: "", labels: "", output: "", teacher: "" };

/** Names of the API and what they mean. The first is what holds when nothing is chosen. */
export const metrics: readonly (readonly [name: string, meaning: string])[] = [
  ["ACCURACY", "Accuracy: the label has the highest score"],
  ["TOP5", "Top 5: the label is among the five highest scores"],
  ["NEGATIVE_MSE", "Mean squared difference of output and label, negated"],
];

export interface LentVariables {
  readonly data: string | null;
  readonly batch: number | null;
  readonly seed: number | null;
  readonly evaluation: Readonly<Record<"data" | "metric" | "labels" | "output", string | null>> | null;
}

const given = (text: string): string | null => (text === "" ? null : text);
const number = (text: string): number | null => (text === "" ? null : Number(text));

/** What a plan takes. */
export function lentOf({ data, batch, seed, judgeData, metric, labels, output }: LentForm): LentVariables {
  const evaluation = { data: given(judgeData), metric: given(metric), labels: given(labels.trim()), output: given(output) };
  return { data: given(data), batch: number(batch), seed: number(seed), evaluation: Object.values(evaluation).some((value) => value !== null) ? evaluation : null };
}

/** What a job takes beside that. */
export const jobOf = ({ teacher, name }: LentForm): { teacher: string | null; name: string | null } => ({ teacher: given(teacher), name: given(name.trim()) });

/** The controls as a job was given it. What was deleted since is left out. */
export function formOf({ dataset, batch, seed, evaluation, teacher }: LentBefore): LentForm {
  const metric = evaluation?.metric.toUpperCase().replaceAll("-", "_") ?? "";
  return {
    data: dataset?.id ?? "",
    batch: batch === 1 ? "" : String(batch),
    seed: seed === null || seed === 0 ? "" : String(seed),
    name: "",
    judgeData: evaluation?.dataset?.id ?? "",
    metric: metric === metrics[0]![0] ? "" : metric,
    labels: evaluation?.labels ?? "",
    output: evaluation?.output ?? "",
    teacher: teacher?.id ?? "",
  };
}

/** Whether one of the steps, or of those inside, cannot do without. */
export const needs = (steps: readonly Draft[], service: Technique["needs"][number]): boolean => steps.some((step) => step.technique.needs.includes(service) || needs(step.steps, service));
