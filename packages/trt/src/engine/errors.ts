import { defineErrors } from "@lathe/core";

const quoted = (words: readonly string[]): string => (words.length === 0 ? "" : ` Its last words: ${words.map((w) => JSON.stringify(w)).join(" ")}.`);

const some = (paths: readonly string[]): string => (paths.length === 0 ? "nothing" : paths.length <= 3 ? paths.join(", ") : `${paths.slice(0, 2).join(", ")} and ${paths.length - 2} more`);

/** What a tool said last, and how it was called, without secrets. */
export interface RunDetails {
  readonly argv: readonly string[];
  readonly lastWords: readonly string[];
}

export const engineErrors = defineErrors({
  TRT_TOO_OLD: {
    text: (d: { tool: string; oldest: string }) => `${d.tool} is older than what is driven here (${d.oldest} and newer).`,
    remedy: "Install a newer TensorRT.",
  },
  TRT_FLAG: {
    text: (d: { option: string; flag: string; tool: string; reason: string; instead: string }) => `Option "${d.option}" (--${d.flag}) cannot be used with ${d.tool}: ${d.reason}. ${d.instead}`,
    remedy: "Leave the option out, or use a release that has it.",
  },
  TRT_INPUT_NAME: {
    text: (d: { input: string; character: string }) => `Input "${d.input}" has ${d.character} in its name, which a shape on the command line of trtexec cannot hold.`,
    remedy: "Rename the input in the model: `value.name = \"...\"` before it is saved.",
  },
  TRT_NO_PROFILE: {
    text: (d: { inputs: readonly string[] }) => `The model has inputs of dynamic shape (${d.inputs.join(", ")}) and no profile was given; trtexec would build for size 1.`,
    remedy: "Give `profiles`; profileFor(model, { N: [1, 8, 32] }) makes one from sizes by symbol.",
  },
  TRT_STATIC_PROFILE: {
    text: (d: { inputs: readonly string[] }) => `A profile was given for ${d.inputs.join(", ")}, but every input of the model has a fixed shape, and trtexec refuses shapes then.`,
    remedy: "Leave `profiles` out.",
  },
  TRT_MADE_UP_RANGES: {
    text: (d: { precision: string; tool: string }) => `precision "${d.precision}" was asked of ${d.tool}, but the model has no Q and DQ nodes and there is no calibration cache: trtexec would make ranges up and build an engine that computes nonsense.`,
    remedy: "Quantize the model with `trt-int8`, or give `calibrationCache`.",
  },
  TRT_QDQ_TYPES: {
    text: (d: { node: string; tool: string }) => `The model is quantized (node "${d.node}"), and ${d.tool} was not told that it may compute in int8.`,
    remedy: 'Set `stronglyTyped: true`, or `precision: ["int8"]` (with "fp16" for what stays float).',
  },
  TRT_DEFAULT_SHAPE: {
    text: (d: { input: string } & RunDetails) => `The tool took size or value 1 for input "${d.input}", for which it was given none; the result is not kept.`,
    remedy: "Give `profiles` for inputs of dynamic shape, and `shapeValues` for inputs that hold a shape.",
  },
  TRT_FILE: {
    text: (d: { path: string; reason: string }) => `"${d.path}" cannot be used: ${d.reason}.`,
    remedy: "Check the path.",
  },
  TRT_NOT_FOUND: {
    text: (d: { tool: string; tried: readonly string[] }) => `${d.tool} was not found (looked at: ${some(d.tried)}).`,
    remedy: "Put it on the PATH, or give its path: openTensorRT({ path }), --trtexec, or TRTEXEC in the environment. It comes with TensorRT's archive and containers, not with npm.",
  },
  TRT_NOT_A_TOOL: {
    text: (d: { path: string; lastWords: readonly string[] }) => `"${d.path}" did not answer as trtexec or tensorrt_rtx does: no banner names a version.${quoted(d.lastWords)}`,
    remedy: "Give the path of the tool itself; where a library is missing, set LD_LIBRARY_PATH to TensorRT's lib folder.",
  },
  TRT_START: {
    text: (d: { path: string; reason: string }) => `"${d.path}" could not be started (${d.reason}).`,
    remedy: "Check the path and that it may be executed.",
  },
  TRT_FAILED: {
    text: (d: { goal: string; exit: string } & RunDetails) => `The ${d.goal} failed: the tool ended with ${d.exit}.${quoted(d.lastWords)}`,
    remedy: "Run it again with verbose: true for the whole log; `onLog` receives every line.",
  },
  TRT_CRASHED: {
    text: (d: { goal: string; signal: string } & RunDetails) => `The ${d.goal} ended by signal ${d.signal}: the tool crashed, or something outside ended it.${quoted(d.lastWords)}`,
    remedy: "SIGKILL without a reason is most often the system running out of memory; for SIGSEGV try another optimization level or release.",
  },
  TRT_TIMEOUT: {
    text: (d: { goal: string; timeoutMs: number } & RunDetails) => `The ${d.goal} took longer than ${d.timeoutMs} ms and was ended; nothing was written.${quoted(d.lastWords)}`,
    remedy: "Raise `timeoutMs`, lower the optimization level, or give a timing cache.",
  },
  TRT_NO_PLAN: {
    text: (d: { path: string; reason: string } & RunDetails) => `The tool reported success, but what it left is no engine (${d.reason}); "${d.path}" was not written.${quoted(d.lastWords)}`,
    remedy: "Check the free space of the folder, and run again with verbose: true.",
  },
  TRT_UNKNOWN_OPTION: {
    text: (d: { option: string } & RunDetails) => `The tool does not know ${d.option}.`,
    remedy: "This release differs from what is known of its version: leave the option out, and please report it.",
  },
  TRT_PARSE: {
    text: (d: { node: string | undefined; op: string | undefined; output: string | undefined; reason: string } & RunDetails) => {
      const where = d.node !== undefined ? `node "${d.node}"` : d.output !== undefined ? `the node that gives "${d.output}"` : "the model";
      return `TensorRT's parser refuses ${where}${d.op ? ` (${d.op})` : ""}: ${d.reason}.`;
    },
    remedy: "checkTensorRT(model) names what TensorRT lacks and how to go around it.",
  },
  TRT_NO_IMPLEMENTATION: {
    text: (d: { node: string } & RunDetails) => `TensorRT found no way to run ${d.node}.`,
    remedy: "Raise memoryPools.workspace, leave out plugins and formats that were asked for, or try another optimization level; where a type is at fault, keep that node in float32.",
  },
  TRT_MEMORY: {
    text: (d: { reason: string } & RunDetails) => `Device memory ran out: ${d.reason}.`,
    remedy: "Free the GPU, lower the profile's max shapes or memoryPools.workspace, or allow weight streaming.",
  },
  TRT_NO_GPU: {
    text: (d: { reason: string } & RunDetails) => `No usable GPU: ${d.reason}.`,
    remedy: "TensorRT builds on the kind of GPU that the engine will run on; check the driver with nvidia-smi. Only TensorRT for RTX (tensorrt_rtx) builds without one.",
  },
  TRT_DISK: {
    text: (d: { reason: string } & RunDetails) => `The tool could not write its files: ${d.reason}.`,
    remedy: "Check the free space and the permissions of the folder.",
  },
  TRT_ENGINE_VERSION: {
    text: (d: { reason: string } & RunDetails) => `The engine cannot be loaded: ${d.reason}.`,
    remedy: "An engine runs on the TensorRT release and kind of GPU it was built with, unless built with versionCompatible or hardwareCompatibility: build it again.",
  },
  TRT_LIBRARY: {
    text: (d: { reason: string } & RunDetails) => `A library is missing: ${d.reason}.`,
    remedy: "Set LD_LIBRARY_PATH (PATH on Windows) to the lib folder of TensorRT, or check the paths in `plugins`.",
  },
  TRT_PLAN: {
    text: (d: { reason: string }) => `This is no engine: ${d.reason}.`,
    remedy: "Give a file that trtexec --saveEngine or the serialize call of TensorRT wrote.",
  },
  TRT_OUTPUT: {
    text: (d: { what: string; reason: string }) => `The ${d.what} cannot be read: ${d.reason}.`,
    remedy: "The tool was interrupted, or its release writes another form: keep the file and please report it.",
  },
  TRT_OUTPUT_MISSING: {
    text: (d: { output: string; known: readonly string[] }) => `The engine does not give the output "${d.output}" of the model (it gives: ${d.known.join(", ") || "none"}).`,
    remedy: "Give the model that the engine was built from.",
  },
  TRT_NO_SAMPLES: {
    text: () => "There is no sample to compare on.",
    remedy: "Give at least one set of inputs.",
  },
  TRT_CHECK: {
    text: (d: { errors: number; first: string }) => `The model is not ready for TensorRT: ${d.errors} ${d.errors === 1 ? "problem" : "problems"}, the first: ${d.first}`,
    remedy: "checkTensorRT(model) lists them all; `check: false` builds all the same.",
  },
  TRT_STORE: {
    text: (d: { path: string; reason: string }) => `The engine store at "${d.path}" cannot be used (${d.reason}).`,
    remedy: "Check the folder's permissions and free space; an engine store may be deleted at any time.",
  },
});
