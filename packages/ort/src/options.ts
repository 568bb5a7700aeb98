/** Options of the runtime and of loading, and what they become for ONNX Runtime. */
import type { OptimizationLevel, RuntimeLoadOptions } from "@lathe/core";
import type { SessionOptions } from "./engine/engine.ts";
import { ortErrors } from "./errors.ts";

/** `{ name: "cpu" }`, or just the name. */
export type ExecutionProvider = string | (Readonly<Record<string, unknown>> & { readonly name: string });

export interface OrtLoadOptions extends RuntimeLoadOptions {
  /** Preallocates by the pattern of the first run. Default true; false takes up to a third less memory at the same speed. */
  readonly memoryPattern?: boolean;
  /** Keeps freed memory for the next run. Default true; false costs about a quarter of the speed of small convolutions. */
  readonly memoryArena?: boolean;
  /** Default: cpu. */
  readonly executionProviders?: readonly ExecutionProvider[];
  /** Where ONNX Runtime writes the graph as it really runs it. */
  readonly optimizedModelPath?: string;
  /** Prefix of the profile that ONNX Runtime writes when the session ends. */
  readonly profilePrefix?: string;
  /** What ONNX Runtime logs to stderr. Default "error". */
  readonly log?: LogLevel;
}

export type LogLevel = "verbose" | "info" | "warning" | "error" | "fatal";

/** Told of options that will not do what they say. */
export type OnWarning = (warning: { readonly code: string; readonly message: string }) => void;

const levels: readonly OptimizationLevel[] = ["disabled", "basic", "extended", "all"];
const logLevels: readonly LogLevel[] = ["verbose", "info", "warning", "error", "fatal"];

/** @throws ORT_OPTION for values outside their range. */
export function sessionOptions(options: OrtLoadOptions, warn: OnWarning): SessionOptions {
  const { optimization = "all", log = "error", threads, executionProviders, profilePrefix } = options;
  oneOf("optimization", optimization, levels);
  oneOf("log", log, logLevels);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw ortErrors.ORT_OPTION({ option: "threads", expected: "an integer of 1 or more", received: String(threads) });
  }
  warnOfIgnored(executionProviders ?? [], warn);
  return {
    graphOptimizationLevel: optimization,
    logSeverityLevel: logLevels.indexOf(log) as 0 | 1 | 2 | 3 | 4,
    enableMemPattern: options.memoryPattern ?? true,
    enableCpuMemArena: options.memoryArena ?? true,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    ...(executionProviders ? { executionProviders: executionProviders.map((ep) => (typeof ep === "string" ? ep : { ...ep })) } : {}),
    ...(options.optimizedModelPath === undefined ? {} : { optimizedModelFilePath: options.optimizedModelPath }),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    ...(options.config ? { extra: nested(options.config) } : {}),
  };
}

function oneOf(option: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw ortErrors.ORT_OPTION({ option, expected: `one of ${allowed.join(", ")}`, received: JSON.stringify(value) });
}

/** The native binding reads `deviceId` alone of these providers and drops the rest without a word. */
const readByBinding: Readonly<Record<string, readonly string[]>> = { cuda: ["name", "deviceId"], tensorrt: ["name", "deviceId"] };

function warnOfIgnored(providers: readonly ExecutionProvider[], warn: OnWarning): void {
  for (const provider of providers) {
    const read = typeof provider === "string" ? undefined : readByBinding[provider.name];
    if (typeof provider === "string" || !read) continue;
    const ignored = Object.keys(provider).filter((key) => !read.includes(key));
    if (ignored.length === 0) continue;
    warn({
      code: "ORT_PROVIDER_OPTIONS_IGNORED",
      message: `onnxruntime-node ignores these options of the ${provider.name} provider: ${ignored.join(", ")}. Only deviceId has an effect; precision, caches and profiles must be set another way.`,
    });
  }
}

/** "session.disable_quant_qdq" as the nested objects in which ONNX Runtime's JavaScript interface takes it. */
export function nested(config: Readonly<Record<string, string>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    const path = key.split(".");
    const last = path.pop()!;
    let at = root;
    for (const step of path) at = (Object.hasOwn(at, step) ? at[step] : (at[step] = {})) as Record<string, unknown>;
    at[last] = value;
  }
  return root;
}
