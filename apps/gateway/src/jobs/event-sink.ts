/** Carries the events of a running attempt to its log, in order; of progress that comes faster than it is written, the newest. */
import type { Json, RunEvent } from "@lathe/core";
import type { JobEngine } from "./engine.ts";
import type { Claim, NewEvent } from "./model.ts";

const PROGRESS_MS = 200;
/** Warnings of one attempt that become events; the report has all of them. */
const MOST_WARNINGS = 1000;

export interface EventSink {
  push(event: RunEvent): void;
  /** Writes what is left. */
  flush(): Promise<void>;
}

export function eventSink(engine: JobEngine, claim: Claim, onLost: () => void): EventSink {
  let waiting: NewEvent[] = [];
  let overall = 0;
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let warnings = 0;
  const write = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    return (writing = writing.then(async () => {
      const events = waiting;
      waiting = [];
      if (events.length > 0 && !(await engine.record(claim, events, overall))) onLost();
    }));
  };
  return {
    push(event) {
      overall = Math.max(overall, event.overall);
      if (event.type === "warn" && ++warnings > MOST_WARNINGS) return;
      const told = translate(event, warnings === MOST_WARNINGS);
      if (told.type === "PROGRESS" && waiting.at(-1)?.type === "PROGRESS") waiting.pop();
      waiting.push(told);
      // A database that does not answer shows in the heartbeat.
      if (told.type === "PROGRESS") timer ??= setTimeout(() => void write().catch(() => undefined), PROGRESS_MS);
      else void write().catch(() => undefined);
    },
    flush: write,
  };
}

function translate(event: RunEvent, lastWarning: boolean): NewEvent {
  const step = { step: event.step.name, path: event.step.path };
  switch (event.type) {
    case "start":
      return { type: "STEP_STARTED", data: step };
    case "progress":
      return { type: "PROGRESS", data: { ...step, fraction: event.fraction ?? null, overall: event.overall, message: event.message ?? null, etaMs: event.etaMs ?? null } };
    case "warn":
      return { type: "WARNING", data: { ...step, code: event.warning.code, message: lastWarning ? `${event.warning.message} There may be more warnings: the report has all.` : event.warning.message, node: event.warning.node ?? null } };
    case "end":
      return { type: "STEP_FINISHED", data: { ...step, elapsedMs: event.elapsedMs, metrics: event.metrics as Json } };
  }
}
