/** TensorRT on this machine, through its own command line tool. */
import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { isLatheError } from "@lathe/core";
import { benchArgs, buildArgs, inspectArgs, runArgs } from "../command.ts";
import { engineErrors } from "../errors.ts";
import type { LogFacts } from "../log/facts.ts";
import type { Banner } from "../log/line.ts";
import type { LogRecord } from "../log/reader.ts";
import { buildStages, runStages } from "../log/stages.ts";
import { parseLayerInfo } from "../output/layer-info.ts";
import { parseLayerProfile } from "../output/layer-profile.ts";
import { layerTable } from "../output/layer-table.ts";
import { parseOutputs } from "../output/outputs.ts";
import { limitsIn, parseSummary } from "../output/summary.ts";
import type { BuildReport, CallOptions, PlanFile, TensorRT, ToolReport } from "../reports.ts";
import { compareVersion, oldest, parseRtxVersion, toolText, type Tool, type ToolKind } from "../version.ts";
import { findTool } from "./find-tool.ts";
import { listGpus } from "./gpus.ts";
import { publish, readPlanHeader, remove, temporaryBeside } from "./plan-file.ts";
import { end, runTool, type ToolCall } from "./run-tool.ts";

export interface OpenOptions {
  /** Path of the tool, or its name on the PATH. Default: TRTEXEC of the environment, then trtexec, then tensorrt_rtx. */
  readonly path?: string | undefined;
  readonly kind?: ToolKind | undefined;
  /** Environment of the tool. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * Finds the tool and asks it for its release.
 * @throws TRT_NOT_FOUND, TRT_NOT_A_TOOL, TRT_START, TRT_LIBRARY, TRT_TOO_OLD
 */
export async function openTensorRT({ path: asked, kind, env = process.env }: OpenOptions = {}): Promise<TensorRT> {
  const path = await findTool({ path: asked, kind, env });
  const { tool, build } = await ask(path, env);
  const call = (argv: readonly string[], more: Pick<ToolCall, "goal" | "stages"> & CallOptions): Promise<Run> => timed({ path, argv, env, ...more });

  return {
    path,
    tool,
    probe: async () => ({ path, tool, build, gpus: await listGpus(env) }),
    async build(onnx, plan, spec = {}, options = {}) {
      const target = resolve(plan);
      const temporary = temporaryBeside(target);
      const argv = buildArgs(tool, spec, { onnx: resolve(onnx), plan: temporary });
      await demandFile(onnx);
      await demandFolder(dirname(target));
      try {
        const run = await call(argv, { ...picked(options), goal: "build", stages: buildStages });
        const words = { argv: run.argv, lastWords: run.record.lastWords };
        const header = await finishedPlan(temporary, run.record.facts.engineBytes).catch((cause: unknown) => {
          throw engineErrors.TRT_NO_PLAN({ path: target, reason: reasonOf(cause), ...words }, cause);
        });
        options.signal?.throwIfAborted();
        await publish(temporary, target).catch((cause: unknown) => {
          throw engineErrors.TRT_DISK({ reason: reasonOf(cause), ...words }, cause);
        });
        const { facts } = run.record;
        return { ...report(tool, run), plan: target, header, parseSeconds: facts.parseSeconds, buildSeconds: facts.buildSeconds, peakDeviceBytes: facts.peakDeviceBytes, sparse: sparse(facts) };
      } finally {
        await remove(temporary);
      }
    },
    async benchmark(plan, spec = {}, options = {}) {
      const layers = options.layers ?? true;
      return inTemporary(async (folder) => {
        const files = layers ? { layerProfile: join(folder, "profile.json"), layerInfo: join(folder, "layers.json") } : {};
        const argv = benchArgs(tool, spec, options, { plan: resolve(plan), ...files });
        await demandFile(plan);
        const run = await call(argv, { ...picked(options), goal: "timed run", stages: runStages });
        const { transfers = false, cudaGraph = true, spinWait = true } = options;
        return {
          ...report(tool, run), summary: parseSummary(run.record.summary), limits: limitsIn(run.record.warnings), contextBytes: run.record.facts.contextBytes,
          settings: { transfers, cudaGraph: cudaGraph && !run.record.facts.cudaGraphFailed, spinWait },
          layers: layers ? layerTable(parseLayerProfile(await output(files.layerProfile!)), parseLayerInfo(await output(files.layerInfo!))) : [],
        };
      });
    },
    async run(plan, feeds, spec = {}, options = {}) {
      return inTemporary(async (folder) => {
        const inputs = Object.entries(feeds).map(([name, { dims }], i) => ({ name, dims, file: join(folder, `input-${i}`) }));
        const outputs = join(folder, "outputs.json");
        const argv = runArgs(tool, spec, { plan: resolve(plan), inputs, outputs });
        await demandFile(plan);
        for (const { name, file } of inputs) await writeFile(file, feeds[name]!.bytes());
        const run = await call(argv, { ...picked(options), goal: "run", stages: runStages });
        return { ...report(tool, run), outputs: parseOutputs(await output(outputs)) };
      });
    },
    async inspect(plan, spec = {}, options = {}) {
      return inTemporary(async (folder) => {
        const layerInfo = join(folder, "layers.json");
        const argv = inspectArgs(tool, spec, { plan: resolve(plan), layerInfo });
        await demandFile(plan);
        const header = await readPlanHeader(plan);
        const run = await call(argv, { ...picked(options), goal: "inspection", stages: runStages });
        return { ...report(tool, run), header, ...parseLayerInfo(await output(layerInfo)) };
      });
    },
  };
}

interface Run {
  readonly record: LogRecord;
  readonly argv: readonly string[];
  readonly seconds: number;
}

async function timed(call: ToolCall): Promise<Run> {
  const begin = performance.now();
  const record = await runTool(call);
  const [defaulted] = record.facts.defaulted;
  if (defaulted !== undefined) throw engineErrors.TRT_DEFAULT_SHAPE({ input: defaulted, argv: [call.path, ...call.argv], lastWords: record.lastWords });
  return { record, argv: [call.path, ...call.argv], seconds: (performance.now() - begin) / 1000 };
}

/** Asking for help needs no GPU, and every release begins with its banner. */
async function ask(path: string, env: NonNullable<OpenOptions["env"]>): Promise<{ tool: Tool; build: number | undefined }> {
  const { record, ending } = await end({ path, argv: ["--help"], env, goal: "question for its release", timeoutMs: 60_000 });
  const { banner } = record;
  if (!banner) {
    const words = [...record.errors, ...record.plain].slice(0, 4);
    const library = words.find((line) => line.includes("error while loading shared libraries"));
    if (library !== undefined) throw engineErrors.TRT_LIBRARY({ reason: library.replace(/^.*?libraries: /, ""), argv: ending.argv, lastWords: words });
    throw engineErrors.TRT_NOT_A_TOOL({ path, lastWords: words });
  }
  const tool = toolNamed(path, banner);
  if (compareVersion(tool.version, oldest[tool.kind]) < 0) throw engineErrors.TRT_TOO_OLD({ tool: toolText(tool), oldest: oldest[tool.kind] });
  return { tool, build: banner.build };
}

/** A file that is called tensorrt_rtx is that, whatever its banner calls itself: the two count releases in different ways. */
function toolNamed(path: string, { tool, release }: Banner): Tool {
  const version = /^tensorrt_rtx/i.test(basename(path)) ? parseRtxVersion(release) : undefined;
  return version ? { kind: "tensorrt_rtx", version } : tool;
}

const report = (tool: Tool, { argv, seconds, record }: Run): ToolReport => ({ tool, argv, seconds, device: record.facts.device, warnings: record.warnings });
const picked = ({ signal, timeoutMs, onProgress, onLog }: CallOptions): CallOptions => ({ signal, timeoutMs, onProgress, onLog });
const sparse = ({ sparseEligible: eligible, sparseChosen: chosen }: LogFacts): BuildReport["sparse"] => (eligible && chosen ? { eligible, chosen } : undefined);

/** The tool prints the size of what it writes, to six digits. */
async function finishedPlan(path: string, told: number | undefined): Promise<PlanFile> {
  const header = await readPlanHeader(path);
  if (told !== undefined && header.bytes < told * 0.999) throw engineErrors.TRT_PLAN({ reason: `it has ${header.bytes} bytes where the tool made about ${told}` });
  return header;
}

async function inTemporary<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "lathe-trt-"));
  try {
    return await work(folder);
  } finally {
    await remove(folder);
  }
}

async function output(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw engineErrors.TRT_OUTPUT({ what: "file that the tool was to export", reason: reasonOf(cause) }, cause);
  }
}

async function demandFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) throw engineErrors.TRT_FILE({ path, reason: found ? "it is no regular file" : "it does not exist" });
}

async function demandFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) throw engineErrors.TRT_FILE({ path, reason: found ? "it is no folder" : "the folder does not exist" });
}

function reasonOf(error: unknown): string {
  if (isLatheError(error)) return String(error.details["reason"] ?? error.message);
  return error instanceof Error ? ("code" in error && typeof error.code === "string" ? error.code : error.message) : String(error);
}
