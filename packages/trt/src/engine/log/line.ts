/** One line of a tool's log. */
import { parseRtxVersion, parseVersion, type Tool } from "../version.ts";

export type LogSeverity = "fatal" | "error" | "warning" | "info" | "verbose";

export interface LogLine {
  /** undefined for what was printed past the logger. */
  readonly severity: LogSeverity | undefined;
  /** The library says it, not the tool. */
  readonly library: boolean;
  readonly text: string;
}

const letters: Readonly<Record<string, LogSeverity>> = { F: "fatal", E: "error", W: "warning", I: "info", V: "verbose" };

/** "[11/24/2026-19:06:39] [E] [TRT] text": the time may be missing; anything else is text without severity. */
export function parseLine(line: string): LogLine {
  // oxlint-disable-next-line no-control-regex -- colours of a terminal
  const plain = line.replace(/\u001b\[[\d;]*m/g, "").trimEnd();
  const match = /^(?:\[[\d/]{8,10}-[\d:]{8}\] ?)?\[([FEWIV])\] ?(\[TRT\] ?)?/.exec(plain);
  if (!match) return { severity: undefined, library: false, text: plain };
  return { severity: letters[match[1]!], library: match[2] !== undefined, text: plain.slice(match[0].length) };
}

/** The lines with which a tool begins and ends. */
export interface Banner {
  readonly result: "RUNNING" | "PASSED" | "FAILED" | "WAIVED";
  readonly tool: Tool;
  /** As printed: "101303". */
  readonly release: string;
  /** Number of the library's build, where it is printed (from 10 on). */
  readonly build?: number;
}

/** "&&&& PASSED TensorRT.trtexec [TensorRT v101303] [b9] # trtexec --onnx=m.onnx"; undefined for another line. */
export function parseBanner(line: string): Banner | undefined {
  const match = /^&&&& (RUNNING|PASSED|FAILED|WAIVED) (\S{1,200}) \[([^\]]{0,60}?)v?([\d.]{1,20})\](?: \[b(\d{1,9})\])?(?: #|$)/.exec(line.trimEnd());
  if (!match) return undefined;
  const [, result, name, label, version, build] = match as unknown as [string, Banner["result"], string, string, string, string | undefined];
  const rtx = /rtx/i.test(`${name} ${label}`);
  const parsed = rtx ? parseRtxVersion(version) : parseVersion(version);
  return parsed && { result, tool: { kind: rtx ? "tensorrt_rtx" : "trtexec", version: parsed }, release: version, ...(build === undefined ? {} : { build: Number(build) }) };
}
