/** `lathe <technique> model.onnx -o small.onnx` and `lathe optimize --recipe`: run steps on a model and write the result. */
import { readFile } from "node:fs/promises";
import { fromRecipe, isLatheError, jsonSchemaOf, pipeline, type AnyTechnique, type Model, type Pipeline, type RunResult, type Services } from "@lathe/core";
import { loadModel, saveModel, writeFiles } from "@lathe/core/node";
import { trainer } from "@lathe/train";
import { openEngineStore, openTensorRT, tensorrtService } from "@lathe/trt/node";
import { Option, type Command } from "commander";
import { demandApart } from "../apart.ts";
import { cancelOnInterrupt } from "../cancel.ts";
import { addDataFlags, openData } from "../data.ts";
import { cliErrors } from "../errors.ts";
import { addFlags, readFlags } from "../flags.ts";
import { addLabelFlags, evaluator, readLabels, type LabelFlags, type ReadLabels } from "../labels.ts";
import { amount, bytes, duration, json, table, type Io } from "../io.ts";
import { numberOf } from "../numbers.ts";
import { progressView } from "../progress.ts";
import { quietRuntime } from "../runtime.ts";

interface TransformFlags extends LabelFlags {
  readonly output: string;
  readonly teacher?: string;
  readonly engines?: string;
  readonly trtexec?: string;
  readonly report?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly force?: boolean;
  readonly externalData?: boolean;
  readonly seed: string;
}

function addTransformFlags(command: Command, trains: boolean): Command {
  if (trains) command.option("--teacher <file>", "the model whose answers are to be matched while training");
  return addDataFlags(command)
    .requiredOption("-o, --output <file>", "where to write the model")
    .addOption(new Option("--report <file>", "also write a report: .html, .md, .txt or .json by its ending"))
    .option("--seed <number>", "seed of everything random", "0")
    .option("--external-data", "write the weights beside the model, in one .data file")
    .option("--force", "allow the output to replace the input")
    .option("--json", "print the report as JSON")
    .option("-q, --quiet", "no progress");
}

/** One command for a technique; its flags are the technique's options. */
export function techniqueCommand(program: Command, technique: AnyTechnique, io: Io): void {
  const schema = jsonSchemaOf(technique);
  const command = program.command(technique.name).description(technique.summary).argument("<model>", "an ONNX file");
  addTransformFlags(command, technique.needs.includes("trainer") || technique.takesSteps);
  addFlags(command, schema);
  const judges = technique.needs.includes("evaluate");
  if (judges) addLabelFlags(command);
  command.action(async (path: string, flags: TransformFlags) => {
    const given = judges ? await readLabels(flags) : flags;
    await transform(path, pipeline(technique.bind(readFlags({ ...given }, schema))), given, io);
  });
}

export function optimizeCommand(program: Command, techniques: readonly AnyTechnique[], io: Io): void {
  const command = program.command("optimize").description("Runs the steps of a recipe, a JSON file.").argument("<model>", "an ONNX file");
  addLabelFlags(addTransformFlags(command, true)).requiredOption("--recipe <file>", 'a JSON list of steps: [{"use": name, "with": options}]')
    .option("--engines <folder>", "where trt-engine keeps what it builds")
    .option("--trtexec <path>", "TensorRT's tool, for trt-engine (default: TRTEXEC, then the PATH)");
  command.action(async (path: string, flags: TransformFlags & { recipe: string }) => {
    const steps = fromRecipe(techniques, await readRecipe(flags.recipe));
    const judges = steps.steps.some((step) => step.needs.includes("evaluate"));
    await transform(path, steps, judges ? await readLabels(flags) : flags, io);
  });
}

async function readRecipe(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as unknown;
  } catch (cause) {
    throw cliErrors.CLI_RECIPE({ path, reason: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
}

async function transform(path: string, steps: Pipeline, flags: ReadLabels<TransformFlags>, io: Io): Promise<void> {
  demandApart(path, flags);
  const seed = numberOf("--seed", flags.seed);
  const model = await loadModel(path);
  const cancel = cancelOnInterrupt();
  const view = progressView(io, flags.quiet === true || flags.json === true);
  try {
    const run = steps.run(model, { ...(await lend(steps, model, flags)), signal: cancel.signal, seed });
    for await (const event of run) view.show(event);
    view.done();
    const result = await run.result;
    await saveModel(result.model, flags.output, flags.externalData ? { externalData: true } : {});
    if (flags.report) await writeReport(result, flags.report);
    io.out(flags.json ? json(result.report) : summary(result, flags.output, io));
  } finally {
    view.done();
    cancel.stop();
  }
}

/** What the steps ask for; data that nobody asks for is not opened. */
async function lend({ steps }: Pipeline, model: Model, flags: ReadLabels<TransformFlags>): Promise<Partial<Services>> {
  const needs = new Set(steps.flatMap((step) => step.needs));
  const data = await openData(model, flags, flags.evalData === undefined ? flags.column : undefined);
  const technique = steps.map((s) => s.name).join(", ");
  if (needs.has("data") && !data) throw cliErrors.CLI_NO_DATA({ technique });
  if (flags.teacher !== undefined && !needs.has("trainer")) throw cliErrors.CLI_NO_PUPIL({ technique });
  const runtime = quietRuntime("thread");
  // Training feeds and fetches all weights at each step: without a thread in between nothing is copied twice.
  const training = needs.has("trainer") ? { trainer: trainer({ runtime: quietRuntime("inline"), ...(flags.teacher === undefined ? {} : { teacher: await loadModel(flags.teacher) }) }) } : {};
  const judging = needs.has("evaluate") ? { evaluate: await evaluator(model, runtime, data, flags, technique) } : {};
  const engines = needs.has("tensorrt") ? { tensorrt: await engineService(flags) } : {};
  return { runtime, ...training, ...judging, ...engines, ...(data ? { data } : {}) };
}

async function engineService({ engines, trtexec }: Pick<TransformFlags, "engines" | "trtexec">): Promise<Services["tensorrt"]> {
  if (engines === undefined) throw cliErrors.CLI_BAD_VALUE({ flag: "--engines", expected: "a folder for what trt-engine builds", received: "none" });
  return tensorrtService({ tensorrt: await openTensorRT({ path: trtexec }), store: await openEngineStore(engines) });
}

function summary({ report }: RunResult, output: string, io: Io): string {
  const { before, after, steps, elapsedMs } = report.data;
  const ratio = (a: number, b: number): string => (b === 0 ? "" : `${(a / b).toFixed(2)}x`);
  const rows = [
    ["size", bytes(before.bytes), bytes(after.bytes), ratio(before.bytes, after.bytes)],
    ["parameters", amount(before.parameters), amount(after.parameters), ratio(before.parameters, after.parameters)],
    ["nodes", String(before.nodes), String(after.nodes), ""],
  ];
  const metrics = steps.flatMap((step) => Object.entries(step.metrics).filter(([, v]) => typeof v !== "object").map(([key, value]) => `${key} ${value}`));
  return [
    table(rows, ["", "before", "after", "ratio"]),
    metrics.length > 0 ? io.colors.dim(metrics.join(", ")) : "",
    `${io.colors.green("wrote")} ${output} in ${duration(elapsedMs)}`,
  ].filter((line) => line !== "").join("\n");
}

async function writeReport({ report }: RunResult, path: string): Promise<void> {
  const text = path.endsWith(".html") ? report.toHtml() : path.endsWith(".md") ? report.toMarkdown() : path.endsWith(".json") ? JSON.stringify(report, undefined, 2) : report.toText();
  await writeFiles([{ path, write: (file) => file.write([new TextEncoder().encode(text)]) }]);
}

/** Exit code of a failure: 2 for what the caller can mend in the command itself, 130 for an interruption, else 1. */
export function exitCode(error: unknown): number {
  if (error instanceof Error && error.name === "AbortError") return 130;
  return isLatheError(error) && /^(CLI_(?!DIFFERENT|TRT_ERRORS)|OPTIONS_|EVALUATE_|RECIPE_|STATS_SYMBOL$|TRT_(?:OPTION|FLAG|VERSION|PROFILE|PROFILE_SYMBOL|NO_PROFILE|STATIC_PROFILE)$)/.test(error.code) ? 2 : 1;
}
