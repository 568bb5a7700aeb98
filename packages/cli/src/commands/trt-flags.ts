/** Flags about engines: a row for each, with what of the spec it sets. */
import { readFile } from "node:fs/promises";
import type { Model } from "@lathe/core";
import { parseTool, profileFor, weakPrecisions, type EngineSpec, type SizeRange, type Tool } from "@lathe/trt";
import type { Command } from "commander";
import { cliErrors } from "../errors.ts";
import { numberOf } from "../numbers.ts";

type Value = string | boolean | readonly string[];

interface SpecFlag {
  readonly flag: string;
  readonly help: string;
  /** What it adds to the spec. */
  readonly set: (value: never, long: string) => EngineSpec;
}

const list = (text: string): string[] => text.split(",").map((part) => part.trim()).filter((part) => part !== "");

const specFlags: readonly SpecFlag[] = [
  { flag: "--precision <a,b,...>", help: `TensorRT 10 and older: types the builder may choose, of ${weakPrecisions.join(", ")}`, set: (v: string) => ({ precision: list(v) as NonNullable<EngineSpec["precision"]> }) },
  { flag: "--calibration-cache <file>", help: "TensorRT 10 and older: scales for --precision int8", set: (v: string) => ({ calibrationCache: v }) },
  { flag: "--strongly-typed", help: "TensorRT 10: the types of the graph, as always from 11 on", set: () => ({ stronglyTyped: true }) },
  { flag: "--no-tf32", help: "compute float32 as such", set: (v: boolean): EngineSpec => (v ? {} : { tf32: false }) },
  { flag: "--workspace <MiB>", help: "device memory for kernels at most", set: (v: string, long) => ({ memoryPools: { workspace: Math.round(numberOf(long, v) * 2 ** 20) } }) },
  { flag: "--sparsity", help: "kernels for 2:4 sparse weights where they are faster", set: () => ({ sparsity: true }) },
  { flag: "--timing-cache <file>", help: "keep timings of kernels for the next build", set: (v: string) => ({ timingCache: v }) },
  { flag: "--optimization-level <0..5>", help: "0 (short build) to 5 (fast engine)", set: (v: string, long) => ({ optimizationLevel: numberOf(long, v) }) },
  { flag: "--version-compatible", help: "the engine loads in newer releases too", set: () => ({ versionCompatible: true }) },
  { flag: "--hardware-compatibility <level>", help: "the engine runs on other GPUs too: ampere+, sameComputeCapability", set: (v: string) => ({ hardwareCompatibility: v as NonNullable<EngineSpec["hardwareCompatibility"]> }) },
  { flag: "--strip-weights", help: "leave weights out, for a later refit", set: () => ({ stripWeights: true }) },
  { flag: "--refit", help: "weights may be changed later", set: () => ({ refit: true }) },
  { flag: "--weight-streaming", help: "weights may stay in host memory", set: () => ({ weightStreaming: true }) },
  { flag: "--plugins <file,...>", help: "libraries of plugins to load", set: (v: string) => ({ plugins: list(v) }) },
  { flag: "--device <number>", help: "which GPU", set: (v: string, long) => ({ device: numberOf(long, v) }) },
];

const longOf = ({ flag }: SpecFlag): string => flag.split(" ")[0]!;
/** As commander names the value. */
const attributeOf = (row: SpecFlag): string => longOf(row).replace(/^--(no-)?/, "").replaceAll(/-(\w)/g, (_, c: string) => c.toUpperCase());

export interface SpecFlags {
  readonly sizes?: readonly string[];
  readonly spec?: string;
  readonly [attribute: string]: unknown;
}

export function addSpecFlags(command: Command): Command {
  command.option("--sizes <name=sizes...>", "a symbolic dimension: one size, or least,usual,greatest").option("--spec <file>", "a JSON file with an EngineSpec; flags go before it");
  for (const { flag, help } of specFlags) command.option(flag, help);
  return command;
}

/** The spec of the file, of the flags, and of the sizes for this model. @throws CLI_BAD_VALUE, TRT_PROFILE, TRT_PROFILE_SYMBOL */
export async function specOf(flags: SpecFlags, model: Model | undefined): Promise<EngineSpec> {
  const parts = specFlags.flatMap((row) => {
    const value = flags[attributeOf(row)] as Value | undefined;
    return value === undefined ? [] : [row.set(value as never, longOf(row))];
  });
  const profiles = flags.sizes && model ? { profiles: [profileFor(model, sizesOf(flags.sizes))] } : {};
  return Object.assign({}, flags.spec === undefined ? {} : await readSpec(flags.spec), ...parts, profiles) as EngineSpec;
}

async function readSpec(path: string): Promise<EngineSpec> {
  try {
    const spec: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof spec === "object" && spec !== null && !Array.isArray(spec)) return spec as EngineSpec;
  } catch (cause) {
    throw cliErrors.CLI_BAD_VALUE({ flag: "--spec", expected: `a JSON file (${cause instanceof Error ? cause.message : String(cause)})`, received: path }, cause);
  }
  throw cliErrors.CLI_BAD_VALUE({ flag: "--spec", expected: "a JSON file with an object", received: path });
}

/** "N=8" or "N=1,8,32". @throws CLI_BAD_VALUE */
export function sizesOf(pairs: readonly string[]): Record<string, SizeRange> {
  return Object.fromEntries(pairs.map((pair) => {
    const at = pair.lastIndexOf("=");
    const sizes = pair.slice(at + 1).split(",").map(Number);
    if (at < 1 || sizes.some((s) => !Number.isSafeInteger(s) || s < 0) || (sizes.length !== 1 && sizes.length !== 3)) throw cliErrors.CLI_BAD_VALUE({ flag: "--sizes", expected: "NAME=SIZE or NAME=LEAST,USUAL,GREATEST", received: pair });
    return [pair.slice(0, at), sizes.length === 1 ? sizes[0]! : (sizes as [number, number, number])];
  }));
}

/** "10.13", "11", "rtx-1.4". @throws CLI_BAD_VALUE */
export function toolOf(text: string): Tool {
  const tool = parseTool(text);
  if (!tool) throw cliErrors.CLI_BAD_VALUE({ flag: "--release", expected: "a release such as 10.13, 11.1 or rtx-1.4", received: text });
  return tool;
}
