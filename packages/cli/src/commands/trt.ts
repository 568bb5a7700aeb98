/** `lathe trt check | build | bench | inspect | compare`: TensorRT, as far as this machine has it. */
import { loadModel } from "@lathe/core/node";
import { benchArgs, buildArgs, checkSpec, checkTensorRT, toolText, versionText, type BenchOptions, type CallOptions } from "@lathe/trt";
import { buildEngine, compareEngine, openEngineStore, openTensorRT, readPlanHeader } from "@lathe/trt/node";
import type { Command } from "commander";
import { cancelOnInterrupt } from "../cancel.ts";
import { addDataFlags, openData, type DataFlags } from "../data.ts";
import { cliErrors } from "../errors.ts";
import { bytes, json, table, type Io } from "../io.ts";
import { countOf, numberOf } from "../numbers.ts";
import { quietRuntime } from "../runtime.ts";
import { check, figures, randomSamples, readLimits } from "./compare.ts";
import { benchText, findingsText, quoted, resultText } from "./trt-text.ts";
import { sarif } from "./trt-sarif.ts";
import { addSpecFlags, specOf, toolOf, type SpecFlags } from "./trt-flags.ts";

interface ToolFlags {
  readonly trtexec?: string;
  readonly timeout?: string;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

interface RunFlags {
  readonly profile?: string;
  readonly transfers?: boolean;
  readonly cudaGraph: boolean;
  readonly spinWait: boolean;
  readonly duration?: string;
  readonly warmUp?: string;
  readonly streams?: string;
  readonly weightBudget?: string;
}

export function trtCommand(program: Command, io: Io): void {
  const trt = program.command("trt").description("TensorRT: checks models, builds, times and inspects engines.");
  checkCommand(trt, io);
  buildCommand(trt, io);
  benchEngineCommand(trt, io);
  inspectEngineCommand(trt, io);
  compareEngineCommand(trt, io);
}

const addToolFlags = (command: Command): Command =>
  command
    .option("--trtexec <path>", "the tool: trtexec or tensorrt_rtx (default: TRTEXEC, then the PATH)")
    .option("--timeout <seconds>", "end the tool after this time")
    .option("--verbose", "print every line of the tool")
    .option("--json", "print the report as JSON")
    .option("-q, --quiet", "no progress");

const addRunFlags = (command: Command): Command =>
  command
    .option("--profile <number>", "which optimization profile; its usual sizes are run")
    .option("--transfers", "copies to and from the GPU are part of the time")
    .option("--no-cuda-graph", "launch kernels one by one")
    .option("--no-spin-wait", "let the host sleep while it waits")
    .option("--duration <seconds>", "time for at least this long", "3")
    .option("--warm-up <ms>", "run this long before timing", "200")
    .option("--streams <count>", "runs at the same time")
    .option("--weight-budget <bytes|share|auto>", "device memory for streamed weights");

function checkCommand(trt: Command, io: Io): void {
  addSpecFlags(trt.command("check").description("Says what TensorRT would refuse or run slowly, without a GPU. Fails when there are errors.").argument("<model>", "an ONNX file"))
    .option("--release <version>", "release of TensorRT, such as 10.13", "11.1")
    .option("--plugin-ops <a,b,...>", "operators that plugins will serve")
    .option("--json", "print the findings as JSON")
    .option("--sarif", "print them as SARIF, for code hosts")
    .action(async (path: string, flags: SpecFlags & { release: string; pluginOps?: string; json?: boolean; sarif?: boolean }) => {
      const model = await loadModel(path);
      const { profiles } = await specOf(flags, model);
      const { version } = toolOf(flags.release);
      const findings = checkTensorRT(model, { version, plugins: flags.pluginOps?.split(","), ...(profiles ? { profiles } : {}) });
      io.out(flags.sarif ? json(sarif(path, findings)) : flags.json ? json({ release: versionText(version), findings }) : findingsText(findings, io));
      const errors = findings.filter((f) => f.severity === "error").length;
      if (errors > 0) throw cliErrors.CLI_TRT_ERRORS({ errors, release: versionText(version) });
    });
}

function buildCommand(trt: Command, io: Io): void {
  const command = trt.command("build").description("Builds an engine for this machine's GPU.").argument("<model>", "an ONNX file").option("-o, --output <plan>", "where the engine goes");
  addToolFlags(addRunFlags(addSpecFlags(command)))
    .option("--store <folder>", "keep engines there by content, and take one that is there already")
    .option("--plugin-ops <a,b,...>", "operators that the plugins serve, for the check")
    .option("--no-check", "hand the model over though the check finds errors")
    .option("--bench", "time the engine")
    .option("--dry-run", "print the command line and start nothing; needs --release")
    .option("--release <version>", "for --dry-run: a release such as 10.13, 11.1, rtx-1.4")
    .action(async (path: string, flags: SpecFlags & ToolFlags & RunFlags & { output?: string; store?: string; pluginOps?: string; check: boolean; bench?: boolean; dryRun?: boolean; release?: string }) => {
      const model = await loadModel(path);
      const spec = { ...(await specOf(flags, model)), ...(flags.verbose ? { verbose: true } : {}) };
      if (flags.dryRun) {
        if (flags.release === undefined) throw cliErrors.CLI_BAD_VALUE({ flag: "--release", expected: "a release with --dry-run", received: "none" });
        const tool = toolOf(flags.release);
        checkSpec(model, spec, tool);
        const plan = flags.output ?? "model.plan";
        const commands = [buildArgs(tool, spec, { onnx: path, plan }), ...(flags.bench ? [benchArgs(tool, spec, runOptions(flags), { plan })] : [])].map((argv) => [tool.kind, ...argv]);
        return io.out(flags.json ? json({ tool: toolText(tool), commands }) : commands.map((argv) => argv.map(quoted).join(" ")).join("\n"));
      }
      if (flags.output === undefined && flags.store === undefined) throw cliErrors.CLI_BAD_VALUE({ flag: "--output", expected: "a file, or --store a folder", received: "neither" });
      await withTool(flags, io, async (call) => {
        const tensorrt = await openTensorRT({ path: flags.trtexec });
        const store = flags.store === undefined ? undefined : await openEngineStore(flags.store);
        const result = await buildEngine(model, spec, { tensorrt, store, plan: flags.output, check: flags.check, pluginOps: flags.pluginOps?.split(","), bench: flags.bench ? runOptions(flags) : false, ...call });
        io.out(flags.json ? json(result) : resultText(result, io));
      });
    });
}

function benchEngineCommand(trt: Command, io: Io): void {
  addToolFlags(addRunFlags(addSpecFlags(trt.command("bench").description("Times an engine, and its layers, alike on every release.").argument("<plan>", "an engine").option("--model <file>", "the model it was built from: with --sizes, the sizes to run"))))
    .option("--no-layers", "only the whole")
    .action(async (plan: string, flags: SpecFlags & ToolFlags & RunFlags & { model?: string; layers: boolean }) => {
      if (flags.sizes && flags.model === undefined) throw cliErrors.CLI_BAD_VALUE({ flag: "--model", expected: "the model, whose inputs --sizes is about", received: "none" });
      const spec = await specOf(flags, flags.model === undefined ? undefined : await loadModel(flags.model));
      await withTool(flags, io, async (call) => {
        const report = await (await openTensorRT({ path: flags.trtexec })).benchmark(plan, spec, { ...runOptions(flags), layers: flags.layers, ...call });
        io.out(flags.json ? json(report) : benchText(report, io));
      });
    });
}

function inspectEngineCommand(trt: Command, io: Io): void {
  addToolFlags(trt.command("inspect").description("Says which release built an engine; with --layers (and a GPU) what it is made of.").argument("<plan>", "an engine").option("--layers", "load the engine and list its layers"))
    .action(async (plan: string, flags: ToolFlags & { layers?: boolean }) => {
      if (!flags.layers) {
        const header = await readPlanHeader(plan).catch((cause: unknown) => {
          if (cause instanceof Error && "syscall" in cause) throw cliErrors.CLI_DATA_PATH({ path: plan, reason: cause.message }, cause);
          throw cause;
        });
        return io.out(flags.json ? json(header) : `${bytes(header.bytes)}, built by ${header.version ? `TensorRT ${versionText(header.version)}` : "a release that its header does not tell"}`);
      }
      await withTool(flags, io, async (call) => {
        const report = await (await openTensorRT({ path: flags.trtexec })).inspect(plan, {}, call);
        if (flags.json) return io.out(json(report));
        const rows = report.layers.map((l) => [l.name, l.type ?? "", l.outputs?.[0]?.dtype ?? "", l.outputs?.[0]?.dims?.join("x") ?? "", l.tactic ?? ""]);
        io.out([`${bytes(report.header.bytes)}, ${report.layers.length} layers`, table(rows, ["layer", "type", "output", "shape", "tactic"])].join("\n"));
      });
    });
}

function compareEngineCommand(trt: Command, io: Io): void {
  const command = trt.command("compare").description("Runs a model on the CPU and its engine on the GPU, and measures how far the engine is off.").argument("<model>", "the model that the engine was built from").argument("<plan>", "the engine");
  addToolFlags(addDataFlags(command))
    .option("--bind <name=size...>", "sizes of symbolic dimensions in random inputs (default: 1)")
    .option("--seeds <count>", "random inputs, when no data is given", "3")
    .option("--samples <count>", "of the data at most: the tool is started for each", "8")
    .option("--max-difference <number>", "fail (exit code 1) when an output differs by more")
    .option("--min-sqnr <dB>", "fail when the signal-to-noise ratio of an output is lower")
    .action(async (path: string, plan: string, flags: ToolFlags & DataFlags & { bind?: string[]; seeds: string; samples: string; maxDifference?: string; minSqnr?: string }) => {
      const limits = readLimits(flags);
      const model = await loadModel(path);
      const samples = (await openData(model, flags))?.take(countOf("--samples", flags.samples)) ?? randomSamples(model, flags, io);
      await withTool(flags, io, async (call) => {
        const result = await compareEngine(model, plan, samples, { ...call, tensorrt: await openTensorRT({ path: flags.trtexec }), runtime: quietRuntime("thread"), onProgress: undefined });
        io.out(flags.json ? json(result) : figures(result));
        for (const [name, found] of Object.entries(result.tensors)) check(name, found, limits);
      });
    });
}

/** Interrupts, the timeout and progress, for whatever calls the tool. */
async function withTool(flags: ToolFlags, io: Io, work: (call: CallOptions) => Promise<void>): Promise<void> {
  const cancel = cancelOnInterrupt();
  const show = !flags.quiet && !flags.json;
  try {
    await work({
      signal: cancel.signal,
      ...(flags.timeout === undefined ? {} : { timeoutMs: Math.round(numberOf("--timeout", flags.timeout) * 1000) }),
      ...(show && !flags.verbose ? { onProgress: ({ done, total, message }) => io.err(`  ${done}/${total} ${message}\n`) } : {}),
      ...(flags.verbose ? { onLog: (line) => io.err(`${line.text}\n`) } : {}),
    });
  } finally {
    cancel.stop();
  }
}

function runOptions(flags: RunFlags): BenchOptions {
  const budget = flags.weightBudget;
  return {
    transfers: flags.transfers === true, cudaGraph: flags.cudaGraph, spinWait: flags.spinWait, durationSeconds: numberOf("--duration", flags.duration ?? "3"), warmUpMs: numberOf("--warm-up", flags.warmUp ?? "200"),
    ...(flags.profile === undefined ? {} : { profile: numberOf("--profile", flags.profile) }),
    ...(flags.streams === undefined ? {} : { streams: countOf("--streams", flags.streams) }),
    ...(budget === undefined ? {} : { weightStreamingBudget: budget === "auto" ? "auto" : budget.endsWith("%") ? (budget as `${number}%`) : numberOf("--weight-budget", budget) }),
  };
}
