/** Shows the events of a run: a bar that redraws itself on a terminal, a line a step elsewhere. */
import type { RunEvent } from "@lathe/core";
import { duration, type Io } from "./io.ts";

export interface ProgressView {
  show(event: RunEvent): void;
  /** Clears the bar. */
  done(): void;
}

const WIDTH = 24;

export function progressView(io: Io, quiet: boolean): ProgressView {
  let drawn = false;
  const clear = (): void => {
    if (drawn) io.err("\r\u001b[2K");
    drawn = false;
  };
  const line = (text: string): void => {
    clear();
    io.err(`${text}\n`);
  };
  const draw = (event: Extract<RunEvent, { type: "progress" }>): void => {
    const filled = Math.round((event.fraction ?? 0) * WIDTH);
    const bar = event.fraction === undefined ? "" : `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${Math.round(event.fraction * 100)} %`;
    const eta = event.etaMs === undefined ? "" : `  ${duration(event.etaMs)} left`;
    const text = `  ${event.step.name}  ${bar}${event.message ? `  ${event.message}` : ""}${eta}`;
    io.err(`\r\u001b[2K${text.slice(0, io.columns - 1)}`);
    drawn = true;
  };
  return {
    show(event) {
      if (event.type === "warn") return line(io.colors.yellow(`  warning ${event.warning.code}${event.warning.node ? ` at ${event.warning.node}` : ""}: ${event.warning.message}`));
      if (quiet) return;
      if (event.type === "progress" && io.live) draw(event);
      if (event.type === "end") line(`  ${io.colors.green("✓")} ${event.step.name}  ${io.colors.dim(duration(event.elapsedMs))}`);
    },
    done: clear,
  };
}
