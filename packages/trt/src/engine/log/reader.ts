/** Reads a log as it comes, in pieces of any size, and keeps what matters within bounds. */
import { factRows, type LogFacts } from "./facts.ts";
import { parseBanner, parseLine, type Banner, type LogLine } from "./line.ts";
import type { Stage } from "./stages.ts";

/** Longer lines are cut: a verbose build prints whole graphs in one. */
const MAX_LINE = 1 << 16;
const MAX_KEPT = 500;
const LAST_WORDS = 6;
const MAX_PLAIN = 100;

export interface LogRecord {
  readonly facts: LogFacts;
  /** The newest banner. */
  banner: Banner | undefined;
  /** Errors, with lines that continue them. */
  readonly errors: string[];
  readonly warnings: string[];
  /** The newest of what was printed past the logger: help, the system's loader, an abort. */
  readonly plain: string[];
  /** The performance summary, line by line. */
  readonly summary: string[];
  /** The newest lines that tell a person something. */
  readonly lastWords: string[];
}

export interface LogReader {
  readonly record: LogRecord;
  /** Takes the next piece of one of the streams that are read into this record, standard output (0) or errors (1). */
  push(chunk: string, stream?: 0 | 1): void;
  /** The last lines may lack their ends. */
  end(): void;
}

/** The lines of one stream. */
interface Stream {
  rest: string;
  /** Where lines without a severity go: they continue what came before in the same stream. */
  continues: string[] | undefined;
}

export interface LogListener {
  readonly onLine?: ((line: LogLine) => void) | undefined;
  readonly stages?: readonly Stage[];
  readonly onStage?: ((done: number, message: string) => void) | undefined;
}

export function logReader({ onLine, stages = [], onStage }: LogListener = {}): LogReader {
  const record: LogRecord = { facts: { device: {}, defaulted: [] }, banner: undefined, errors: [], warnings: [], plain: [], summary: [], lastWords: [] };
  const streams: readonly [Stream, Stream] = [{ rest: "", continues: undefined }, { rest: "", continues: undefined }];
  let stage = 0;
  let summary = false;

  const take = (raw: string, stream: Stream): void => {
    const line = parseLine(raw.slice(0, MAX_LINE));
    if (line.text.trim() === "" && line.severity === undefined) return;
    onLine?.(line);
    const banner = parseBanner(line.text);
    if (banner) record.banner = banner;
    for (let i = stages.length - 1; i >= stage; i--) {
      if (!stages[i]!.pattern.test(line.text)) continue;
      stage = i + 1;
      onStage?.(stage, stages[i]!.message);
      break;
    }
    sort(line, banner !== undefined, stream);
    for (const { pattern, keep } of factRows) {
      const match = pattern.exec(line.text);
      if (match) keep(record.facts, match);
    }
  };

  const sort = ({ severity, text }: LogLine, banner: boolean, stream: Stream): void => {
    if (severity === "info" && text.startsWith("=== Performance summary ===")) summary = true;
    if (summary && severity === "info") keep(record.summary, text);
    if (severity === "error" || severity === "fatal") stream.continues = record.errors;
    else if (severity === "warning") stream.continues = record.warnings;
    else if (severity !== undefined || banner) stream.continues = undefined;
    if (stream.continues) keep(stream.continues, text);
    else if (severity === undefined && !banner) newest(record.plain, text, MAX_PLAIN);
    if (severity !== "verbose" && !banner && text.trim() !== "") newest(record.lastWords, text.slice(0, 500), LAST_WORDS);
  };

  return {
    record,
    push(chunk, at = 0) {
      const stream = streams[at];
      const lines = (stream.rest + chunk).split(/\r?\n|\r/);
      stream.rest = lines.pop()!.slice(0, MAX_LINE);
      for (const line of lines) take(line, stream);
    },
    end() {
      for (const stream of streams) {
        if (stream.rest !== "") take(stream.rest, stream);
        stream.rest = "";
      }
    },
  };
}

/** The newest are dropped: the first error is the one to read. */
function keep(list: string[], text: string): void {
  if (list.length < MAX_KEPT) list.push(text);
}

function newest(list: string[], text: string, most: number): void {
  list.push(text);
  if (list.length > most) list.shift();
}

/** A whole log at once. */
export function readLog(text: string): LogRecord {
  const reader = logReader();
  reader.push(text);
  reader.end();
  return reader.record;
}
