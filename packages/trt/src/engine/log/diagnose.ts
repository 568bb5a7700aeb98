/** From what a tool printed to the error that says what to do. */
import { engineErrors, type RunDetails } from "../errors.ts";
import { parserFailure } from "./parser-failure.ts";
import type { LogRecord } from "./reader.ts";

/** How a tool ended. */
export interface Ending {
  /** "build", "timed run", "inspection": what it was to do. */
  readonly goal: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly argv: readonly string[];
}

type Maker = (run: RunDetails, match: RegExpExecArray) => Error;

/** In the order in which they are looked for: a cause before its consequences. */
const rows: readonly { readonly pattern: RegExp; readonly error: Maker }[] = [
  { pattern: /Unknown option: (--?\S+)/, error: (run, m) => engineErrors.TRT_UNKNOWN_OPTION({ option: m[1]!, ...run }) },
  { pattern: /error while loading shared libraries: (.+)|(Library not loaded: .+)|(?:Could not|Unable to|Failed to) (?:load|open) library:? ?(.+)/i, error: (run, m) => engineErrors.TRT_LIBRARY({ reason: plain(m[1] ?? m[2] ?? m[3]!), ...run }) },
  { pattern: /no CUDA-capable device.*|CUDA initialization failure.*|CUDA driver version is insufficient.*|Cuda failure\b.{0,300}(?:no CUDA-capable device|driver|initialization error|unavailable).*/i, error: (run, m) => engineErrors.TRT_NO_GPU({ reason: plain(m[0]), ...run }) },
  { pattern: /Saving engine to file failed.*|Cannot write to FileStreamWriter.*|No space left on device.*/i, error: (run, m) => engineErrors.TRT_DISK({ reason: plain(m[0]), ...run }) },
  { pattern: /OutOfMemory.*|out of memory.*/i, error: (run, m) => engineErrors.TRT_MEMORY({ reason: plain(m[0]), ...run }) },
  { pattern: /(?:engine plan file is|plan file is) (?:not compatible|generated on an incompatible).*|(?:Version|Magic) tag does not match.*|Failed to verify a plan tag.*|Serialization version is not supported.*|Engine deserialization failed.*/i, error: (run, m) => engineErrors.TRT_ENGINE_VERSION({ reason: plain(m[0]), ...run }) },
];

const noImplementation = /Could not find any implementation for node (.+?)\.?\)?$/;

/** The error for a tool that did not do what it was to do. */
export function diagnose(record: LogRecord, { goal, exitCode, signal, argv }: Ending): Error {
  const run: RunDetails = { argv, lastWords: record.lastWords };
  const { noDevice } = record.facts;
  if (noDevice !== undefined) return engineErrors.TRT_NO_GPU({ reason: plain(noDevice), ...run });
  const said = [...record.errors, ...record.plain];
  for (const { pattern, error } of rows) {
    const match = first(said, pattern);
    if (match) return error(run, match);
  }
  const parser = parserFailure(record.errors);
  if (parser) return engineErrors.TRT_PARSE({ ...parser, ...run });
  const node = first(said, noImplementation);
  if (node) return engineErrors.TRT_NO_IMPLEMENTATION({ node: node[1]!, ...run });
  if (signal !== null) return engineErrors.TRT_CRASHED({ goal, signal, ...run });
  return engineErrors.TRT_FAILED({ goal, exit: `exit code ${exitCode}`, ...run });
}

function first(lines: readonly string[], pattern: RegExp): RegExpExecArray | undefined {
  for (const line of lines) {
    const match = pattern.exec(line.slice(0, 4000));
    if (match) return match;
  }
  return undefined;
}

/** Without the end of a sentence, since one follows. */
const plain = (text: string): string => text.trim().replace(/[.!\s]+$/, "");
