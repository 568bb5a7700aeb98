/** What decides what an engine is: two builds with the same key would give engines that can stand for each other. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { hostname } from "node:os";
import { pipeline } from "node:stream/promises";
import { encodeModelChunks, type Model } from "@lathe/core";
import { engineErrors } from "../errors.ts";
import type { Probe } from "../reports.ts";
import type { EngineIdentity, EngineTarget } from "../service.ts";
import type { EngineSpec } from "../spec.ts";
import { versionText } from "../version.ts";

/** Neither changes what the engine computes or where it runs. */
const passing = ["verbose", "timingCache", "errorOnTimingCacheMiss", "device"] as const;
/** Files whose content counts, not their names. */
const files = ["calibrationCache", "plugins", "dynamicPlugins", "pluginsToSerialize"] as const;

/**
 * Digest of graph and weights, everything of the spec, and where the engine is built for. The model is encoded piece by piece, so that one
 * larger than memory has a digest too.
 * @throws TRT_FILE for a cache or plugin that cannot be read
 */
export async function engineIdentity(model: Model, spec: EngineSpec, probe: Probe): Promise<EngineIdentity> {
  return { format: 1, model: modelDigest(model), spec: await specOf(spec), ...engineTarget(probe, spec) };
}

/** Tool, GPU and driver. Where no tool lists the GPU, the machine stands for it. */
export function engineTarget({ tool, build, gpus }: Probe, { device = 0 }: EngineSpec = {}): EngineTarget {
  const gpu = gpus?.find(({ index }) => index === device);
  const portable = tool.kind === "tensorrt_rtx";
  return {
    tool: `${tool.kind} ${versionText(tool.version)}${build === undefined ? "" : ` build ${build}`}`,
    gpu: portable ? "any" : gpu ? `${gpu.name}, compute capability ${gpu.computeCapability ?? "unknown"}` : `that of ${hostname()}`,
    driver: portable ? "any" : (gpu?.driver ?? "unknown"),
    platform: `${process.platform}-${process.arch}`,
  };
}

/** SHA-256 of the identity: the name of an engine in a store. */
export const engineKey = (identity: EngineIdentity): string => createHash("sha256").update(canonical(identity)).digest("hex");

function modelDigest(model: Model): string {
  const hash = createHash("sha256");
  for (const chunk of encodeModelChunks(model)) hash.update(chunk);
  return hash.digest("hex");
}

async function specOf(spec: EngineSpec): Promise<EngineIdentity["spec"]> {
  const kept: Record<string, unknown> = { ...spec };
  for (const option of passing) delete kept[option];
  for (const option of files) {
    const given = spec[option];
    if (given !== undefined) kept[option] = await Promise.all((typeof given === "string" ? [given] : given).map(fileDigest));
  }
  return JSON.parse(canonical(kept)) as EngineIdentity["spec"];
}

/** SHA-256 of a file. @throws TRT_FILE */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash);
  } catch (cause) {
    throw engineErrors.TRT_FILE({ path, reason: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
  return hash.digest("hex");
}

/** JSON with keys in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) => (typeof v === "object" && v !== null && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).toSorted(([a], [b]) => (a < b ? -1 : 1))) : v));
}
