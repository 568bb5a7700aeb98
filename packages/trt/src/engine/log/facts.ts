/** What is worth keeping of a log, one row for each kind of line. */

/** The GPU that a tool chose. */
export interface ToolDevice {
  name?: string;
  id?: number;
  uuid?: string;
  /** "8.6" */
  computeCapability?: string;
  memoryBytes?: number;
}

export interface LogFacts {
  readonly device: ToolDevice;
  /** What the tool says, as plain information, before it ends for want of a GPU. */
  noDevice?: string;
  parseSeconds?: number;
  buildSeconds?: number;
  engineBytes?: number;
  loadSeconds?: number;
  /** Device memory of an execution context. */
  contextBytes?: number;
  /** Most device memory that the build held at once. */
  peakDeviceBytes?: number;
  cudaGraphFailed?: boolean;
  /** Layers that could use 2:4 kernels, and those that do; only where a build says so. */
  sparseEligible?: readonly string[];
  sparseChosen?: readonly string[];
  /** Inputs for which the tool took 1, since it was given no shape. */
  readonly defaulted: string[];
}

const MiB = 2 ** 20;

/** Numbers as C++ prints them: exponents, inf, nan. */
export function number(text: string): number {
  const word = text.trim().toLowerCase();
  if (/^[+-]?inf(inity)?$/.test(word)) return word.startsWith("-") ? -Infinity : Infinity;
  if (/^[+-]?nan(\([^)]*\))?$/.test(word)) return NaN;
  return word === "" ? NaN : Number(word);
}

const num = "([-+\\w.]{1,40})";
const names = (text: string): string[] => text.split(/,\s*/).map((name) => name.trim()).filter((name) => name !== "");

/** Text of a line (without time and severity) to a fact. Unknown lines match none and are passed over. */
export const factRows: readonly { readonly pattern: RegExp; readonly keep: (facts: LogFacts, match: RegExpExecArray) => void }[] = [
  { pattern: /^Selected Device: (.+)$/, keep: ({ device }, m) => (device.name = m[1]!) },
  { pattern: /^Cannot find (?:any available devices|device ID).*/, keep: (facts, m) => (facts.noDevice = m[0]) },
  { pattern: /^Selected Device ID: (\d+)$/, keep: ({ device }, m) => (device.id = Number(m[1])) },
  { pattern: /^Selected Device UUID: (\S+)$/, keep: ({ device }, m) => (device.uuid = m[1]!) },
  { pattern: /^Compute Capability: (\d+\.\d+)$/, keep: ({ device }, m) => (device.computeCapability = m[1]!) },
  { pattern: /^Device Global Memory: (\d+) MiB/, keep: ({ device }, m) => (device.memoryBytes = Number(m[1]) * MiB) },
  { pattern: new RegExp(`^Finished parsing network model\\. Parse time: ${num}`), keep: (facts, m) => (facts.parseSeconds = number(m[1]!)) },
  { pattern: new RegExp(`^Engine built in ${num} sec`), keep: (facts, m) => (facts.buildSeconds = number(m[1]!)) },
  { pattern: new RegExp(`^(?:Created|Loaded) engine with size: ${num} MiB`), keep: (facts, m) => (facts.engineBytes = Math.round(number(m[1]!) * MiB)) },
  { pattern: new RegExp(`^Engine deserialized in ${num} sec`), keep: (facts, m) => (facts.loadSeconds = number(m[1]!)) },
  { pattern: new RegExp(`^Created execution context with device memory size: ${num} MiB`), keep: (facts, m) => (facts.contextBytes = Math.round(number(m[1]!) * MiB)) },
  { pattern: /peak[^:]{0,80}memory[^:]{0,80}: .{0,60}?GPU (\d+) MiB/i, keep: (facts, m) => (facts.peakDeviceBytes = Number(m[1]) * MiB) },
  { pattern: /^CUDA graph capture failed|CUDA graph capture on the stream has failed/, keep: (facts) => (facts.cudaGraphFailed = true) },
  { pattern: /^\(Sparsity\) (?:Found \d+ layer\(s\) eligible to use sparse tactics|Layers eligible for sparse math): ?(.*)$/, keep: (facts, m) => (facts.sparseEligible = names(m[1]!)) },
  { pattern: /^\(Sparsity\) (?:Chose \d+ layer\(s\) using sparse tactics|TRT inference plan picked sparse implementation for layers): ?(.*)$/, keep: (facts, m) => (facts.sparseChosen = names(m[1]!)) },
  { pattern: /^(?:Dynamic dimensions required for input: (.+), but no shapes were provided\.|(?:Shape missing for input with dynamic shape|Values missing for input shape tensor): (.+?) ?Automatically setting)/, keep: ({ defaulted }, m) => { if (defaulted.length < 100) defaulted.push(m[1] ?? m[2]!); } },
];
