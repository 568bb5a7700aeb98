/** The command lines: argv words, never a shell's text. Pure: nothing is started and no file is looked at. */
import type { Model } from "@lathe/core";
import { checkProfiles, dynamicInputs, type Profile } from "../profiles/profile.ts";
import { trtErrors } from "../errors.ts";
import { benchFlags, type BenchOptions } from "./bench-options.ts";
import { engineErrors } from "./errors.ts";
import { engineFlags, written } from "./flags.ts";
import { shapeSpec } from "./shapes.ts";
import type { EngineSpec } from "./spec.ts";
import { compareVersion, oldest, toolText, type Tool } from "./version.ts";

/** Files of a build. */
export interface BuildFiles {
  readonly onnx: string;
  readonly plan: string;
}

/** Where a run leaves its measurements. */
export interface BenchFiles {
  readonly plan: string;
  readonly times?: string;
  readonly layerProfile?: string;
  readonly layerInfo?: string;
}

/**
 * Checks that the spec fits the model: every input of dynamic shape has its sizes, and none is given in vain. With a tool that chooses types by
 * itself (TensorRT 10 and older), int8 must be asked for where the graph has it, and have ranges where it has not.
 * @throws TRT_NO_PROFILE, TRT_STATIC_PROFILE, TRT_PROFILE, TRT_MADE_UP_RANGES, TRT_QDQ_TYPES
 */
export function checkSpec(model: Model, spec: EngineSpec, tool?: Tool): void {
  const dynamic = dynamicInputs(model);
  const { profiles = [], shapeValues = [] } = spec;
  if (profiles.length === 0 && dynamic.length > 0) throw engineErrors.TRT_NO_PROFILE({ inputs: dynamic });
  if (profiles.length > 0 && dynamic.length === 0 && shapeValues.length === 0) throw engineErrors.TRT_STATIC_PROFILE({ inputs: Object.keys(profiles[0]!) });
  if (profiles.length > 0) checkProfiles(model, profiles);
  if (tool?.kind === "trtexec" && tool.version.major < 11 && !spec.stronglyTyped) checkWeakTypes(model, spec, tool);
  const stray = shapeValues.flatMap(Object.keys).find((name) => !model.graph.inputs.some((v) => v.name === name));
  if (stray !== undefined) throw trtErrors.TRT_OPTION({ option: "shapeValues", expected: `about inputs of the model (${model.graph.inputs.map((v) => v.name).join(", ")})`, received: `"${stray}"` });
}

/** trtexec itself calibrates on random numbers, without a word, and takes int8 in a graph for an error unless told of it. */
function checkWeakTypes(model: Model, { precision = [], calibrationCache }: EngineSpec, tool: Tool): void {
  const int8 = precision.find((p) => p === "int8" || p === "best");
  const quantizers = [...model.graph.allNodes()].filter((node) => node.domain === "" && (node.op === "QuantizeLinear" || node.op === "DequantizeLinear"));
  // The zero point has the type in any model; that of what is dequantized may not be known.
  const quantizer = quantizers.find(({ inputs: [x, , zero] }) => ["int8", "uint8"].includes((zero ?? x)?.dtype ?? ""));
  if (int8 && calibrationCache === undefined && quantizers.length === 0) throw engineErrors.TRT_MADE_UP_RANGES({ precision: int8, tool: toolText(tool) });
  if (quantizer && !int8) throw engineErrors.TRT_QDQ_TYPES({ node: quantizer.label, tool: toolText(tool) });
}

/**
 * argv that builds an engine and runs nothing.
 * @throws TRT_FLAG for options that this release does not have, TRT_OPTION for values and combinations, TRT_INPUT_NAME, TRT_TOO_OLD
 */
export function buildArgs(tool: Tool, spec: EngineSpec, { onnx, plan }: BuildFiles): string[] {
  demandKnown(tool);
  demandTogether(spec, tool);
  return [`--onnx=${onnx}`, `--saveEngine=${plan}`, "--skipInference", ...profileWords(spec, tool), ...written(engineFlags, spec, tool)];
}

/** argv that loads an engine and times it. @throws like {@link buildArgs} */
export function benchArgs(tool: Tool, spec: EngineSpec, options: BenchOptions, { plan, times, layerProfile, layerInfo }: BenchFiles): string[] {
  demandKnown(tool);
  if (options.weightStreamingBudget !== undefined && !spec.weightStreaming) together("weightStreamingBudget", "given for engines with weightStreaming only", String(options.weightStreamingBudget));
  const shapes = runShapes(spec, options);
  const exported: readonly (readonly [string, string | undefined])[] = [["exportTimes", times], ["exportProfile", layerProfile], ["exportLayerInfo", layerInfo]];
  return [
    `--loadEngine=${plan}`,
    ...(shapes === "" ? [] : [`--shapes=${shapes}`]),
    ...written(benchFlags, options, tool),
    ...exported.flatMap(([flag, path]) => (path === undefined ? [] : [`--${flag}=${path}`])),
    // Otherwise the times of layers and of the whole come from one run, and measuring layers slows the whole. Always so from 11 on.
    ...(layerProfile !== undefined && (tool.kind === "tensorrt_rtx" || tool.version.major < 11) ? ["--separateProfileRun"] : []),
    ...loadWords(spec, tool),
  ];
}

/** An input as a file of its values, little endian. */
export interface InputFile {
  readonly name: string;
  readonly dims: readonly number[];
  readonly file: string;
}

/** argv that runs an engine once on given inputs and writes its outputs. @throws like {@link buildArgs} */
export function runArgs(tool: Tool, spec: EngineSpec, { plan, inputs, outputs }: { readonly plan: string; readonly inputs: readonly InputFile[]; readonly outputs: string }): string[] {
  demandKnown(tool);
  const shapes = shapeSpec(Object.fromEntries(inputs.map(({ name, dims }) => [name, dims])));
  // Quotes around the name keep a colon in the path from ending it.
  const files = inputs.map(({ name, file }) => `'${name}':${file}`).join(",");
  // Copies to and from the GPU are what this is about.
  const once: BenchOptions = { transfers: true, cudaGraph: false, spinWait: false, warmUpMs: 0, durationSeconds: 0, iterations: 1 };
  return [`--loadEngine=${plan}`, `--shapes=${shapes}`, `--loadInputs=${files}`, `--exportOutput=${outputs}`, ...written(benchFlags, once, tool), ...loadWords(spec, tool)];
}

/** argv that loads an engine and writes what it tells of its layers. @throws like {@link buildArgs} */
export function inspectArgs(tool: Tool, spec: EngineSpec, files: { readonly plan: string; readonly layerInfo: string }): string[] {
  demandKnown(tool);
  return [`--loadEngine=${files.plan}`, "--skipInference", `--exportLayerInfo=${files.layerInfo}`, ...loadWords(spec, tool)];
}

const loadWords = (spec: EngineSpec, tool: Tool): string[] => written(engineFlags.filter((row) => row.load), spec, tool);

function profileWords(spec: EngineSpec, tool: Tool): string[] {
  const profiles = merged(spec);
  if (profiles.length > 1 && (tool.kind === "tensorrt_rtx" || compareVersion(tool.version, "10.0") < 0)) {
    throw engineErrors.TRT_FLAG({ option: "profiles", flag: "profile", tool: toolText(tool), reason: tool.kind === "trtexec" ? "several profiles came with 10.0" : "several profiles are not among its documented options", instead: "Give one." });
  }
  // The shapes of a profile must follow its number at once.
  return profiles.flatMap((profile, i) => [
    ...(profiles.length > 1 ? [`--profile=${i}`] : []),
    ...(["min", "opt", "max"] as const).map((end) => `--${end}Shapes=${shapeSpec(at(profile, end))}`),
  ]);
}

const at = (profile: Profile, end: "min" | "opt" | "max"): Record<string, readonly number[]> => Object.fromEntries(Object.entries(profile).map(([name, given]) => [name, given[end]]));

/** Sizes and values are written alike. */
function merged({ profiles = [], shapeValues = [] }: EngineSpec): Profile[] {
  if (profiles.length > 0 && shapeValues.length > 0 && profiles.length !== shapeValues.length) together("shapeValues", `one entry for each of the ${profiles.length} profiles`, `${shapeValues.length}`);
  return Array.from({ length: Math.max(profiles.length, shapeValues.length) }, (_, i) => ({ ...profiles[i], ...shapeValues[i] }));
}

function runShapes(spec: EngineSpec, { profile = 0, shapes }: BenchOptions): string {
  const profiles = merged(spec);
  if (profiles.length > 0 && profile >= profiles.length) together("profile", `below ${profiles.length}, the number of profiles`, String(profile));
  return shapeSpec({ ...(profiles[profile] ? at(profiles[profile], "opt") : {}), ...shapes });
}

function demandKnown(tool: Tool): void {
  if (compareVersion(tool.version, oldest[tool.kind]) < 0) throw engineErrors.TRT_TOO_OLD({ tool: toolText(tool), oldest: oldest[tool.kind] });
}

function together(option: string, expected: string, received: string): never {
  throw trtErrors.TRT_OPTION({ option, expected, received });
}

/** What the tool itself would refuse, or silently not do. */
function demandTogether(spec: EngineSpec, { kind, version }: Tool): void {
  const { precision = [] } = spec;
  if (spec.stronglyTyped && precision.length > 0) together("precision", "left out when stronglyTyped is set: the graph says all types", precision.join(", "));
  if (precision.includes("int8") && precision.includes("fp8")) together("precision", "int8 or fp8, not both", precision.join(", "));
  if (spec.calibrationCache !== undefined && !precision.includes("int8") && !precision.includes("best")) together("calibrationCache", 'given together with precision: ["int8"]', `precision [${precision.join(", ")}]`);
  if (spec.excludeLeanRuntime && !spec.versionCompatible) together("excludeLeanRuntime", "given together with versionCompatible", "it alone");
  if (spec.weightStreaming && kind === "trtexec" && version.major === 10 && !spec.stronglyTyped) together("weightStreaming", "given together with stronglyTyped on TensorRT 10", "it alone");
  if (spec.errorOnTimingCacheMiss && typeof spec.timingCache !== "string") together("errorOnTimingCacheMiss", "given together with a timingCache file", "it alone");
  if (spec.allowGpuFallback && spec.dlaCore === undefined) together("allowGpuFallback", "given together with dlaCore", "it alone");
}
