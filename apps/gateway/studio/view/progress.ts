/** What the events of a job amount to. */
import type { JobEvent, JobState, Json } from "../api/types.ts";

export interface LogLine {
  readonly seq: number;
  readonly at: string;
  readonly text: string;
  readonly kind: "plain" | "warning" | "problem" | "good";
}

export interface Progress {
  readonly seq: number;
  readonly state: JobState;
  readonly attempt: number;
  /** Of the whole job, 0 to 1. */
  readonly overall: number;
  /** What runs now, as a sentence; empty between steps. */
  readonly now: string;
  readonly etaMs: number | undefined;
  readonly log: readonly LogLine[];
}

export const noProgress: Progress = { seq: 0, state: "QUEUED", attempt: 0, overall: 0, now: "", etaMs: undefined, log: [] };

/** Lines that are kept; the report has everything. */
const LINES = 500;

export function advance(before: Progress, event: JobEvent): Progress {
  const { seq, attempt, at } = event;
  const after = { ...before, seq, attempt, ...changeOf(event) };
  const line = lineOf(event);
  return line === undefined ? after : { ...after, log: [...before.log, { seq, at, ...line }].slice(-LINES) };
}

function changeOf({ type, data }: JobEvent): Partial<Progress> {
  switch (type) {
    case "STARTED":
      return { state: "RUNNING", overall: 0, now: "Starting" };
    case "STEP_STARTED":
      return { now: text(data?.["step"]), etaMs: undefined };
    case "PROGRESS":
      return { overall: number(data?.["overall"]) ?? 0, now: [text(data?.["step"]), text(data?.["message"])].filter((part) => part !== "").join(": "), etaMs: number(data?.["etaMs"]) };
    case "STEP_FINISHED":
      return { now: "", etaMs: undefined };
    case "CANCEL_REQUESTED":
      return { state: "CANCELLING", now: "Stopping" };
    case "WORKER_LOST":
      return { state: "QUEUED", overall: 0, now: "Waiting for another worker" };
    case "SUCCEEDED":
      return { state: type, overall: 1, now: "" };
    case "FAILED":
    case "CANCELLED":
      return { state: type, now: "" };
    default:
      return {};
  }
}

function lineOf({ type, data, attempt }: JobEvent): Pick<LogLine, "text" | "kind"> | undefined {
  const step = text(data?.["step"]);
  switch (type) {
    case "QUEUED":
      return { kind: "plain", text: "Accepted; waits for a worker." };
    case "STARTED":
      return { kind: "plain", text: attempt > 1 ? `Started, attempt ${attempt}.` : "Started." };
    case "STEP_STARTED":
      return { kind: "plain", text: `${step} began.` };
    case "WARNING":
      return { kind: "warning", text: `${step}: ${text(data?.["message"])}` };
    case "STEP_FINISHED":
      return { kind: "good", text: `${step} is done. ${metricsText(data?.["metrics"])}`.trim() };
    case "CANCEL_REQUESTED":
      return { kind: "plain", text: "Asked to stop." };
    case "WORKER_LOST":
      return { kind: "problem", text: "The worker went away." };
    case "SUCCEEDED":
      return { kind: "good", text: "Done." };
    case "FAILED":
      return { kind: "problem", text: `Failed. ${text(data?.["message"])}`.trim() };
    case "CANCELLED":
      return { kind: "plain", text: "Cancelled." };
    default:
      return undefined;
  }
}

/** Figures of a step: "bytesBefore: 170,000, nodes: 24". */
export function metricsText(metrics: Json | Readonly<Record<string, number>> | undefined): string {
  if (typeof metrics !== "object" || metrics === null) return "";
  return Object.entries(metrics)
    .filter(([, value]) => typeof value === "number")
    .map(([name, value]) => `${name}: ${(value as number).toLocaleString("en", { maximumSignificantDigits: Number.isInteger(value) ? 15 : 4 })}`)
    .join(", ");
}

const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");
const number = (value: Json | undefined): number | undefined => (typeof value === "number" ? value : undefined);
