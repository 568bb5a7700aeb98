/** From a model to a timed engine in one call. */
import { copyFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Json, Model } from "@lathe/core";
import { saveModel } from "@lathe/core/node";
import { trtErrors } from "../../errors.ts";
import { checkTensorRT } from "../../rules/check.ts";
import type { Finding } from "../../rules/finding.ts";
import { checkSpec } from "../command.ts";
import { engineErrors } from "../errors.ts";
import { buildStages, runStages } from "../log/stages.ts";
import type { BuildReport, TensorRT } from "../reports.ts";
import type { BuildEngineOptions, EngineResult, TensorRTService } from "../service.ts";
import type { EngineSpec } from "../spec.ts";
import type { TensorRTVersion, Tool } from "../version.ts";
import { engineIdentity } from "./identity.ts";
import { publish, remove, temporaryBeside } from "./plan-file.ts";
import type { EngineStore } from "./store.ts";

export interface BuildEngineServices {
  readonly tensorrt: TensorRT;
  readonly store?: EngineStore | undefined;
}

/**
 * Checks the model, builds its engine unless the store has it, and times it.
 * @example
 * const { plan, bench } = await buildEngine(model, { profiles: [profileFor(model, { N: [1, 8, 32] })] }, { tensorrt: await openTensorRT(), store: await openEngineStore("engines") });
 * @throws TRT_CHECK when the check finds errors, what {@link checkSpec} throws, TRT_STORE, and what build and benchmark of {@link TensorRT} throw
 */
export async function buildEngine(model: Model, spec: EngineSpec = {}, options: BuildEngineOptions & BuildEngineServices): Promise<EngineResult> {
  const { tensorrt, store, plan, bench = {}, signal, timeoutMs, onLog, onProgress } = options;
  if (!store && plan === undefined) throw trtErrors.TRT_OPTION({ option: "plan", expected: "given when there is no store", received: "neither" });
  checkSpec(model, spec, tensorrt.tool);
  const findings = options.check === false ? undefined : checked(model, spec, tensorrt.tool, options.pluginOps);
  const total = buildStages.length + (bench === false ? 0 : runStages.length);
  const call = (offset: number) => ({ signal, timeoutMs, onLog, onProgress: (p: { done: number; message: string }) => onProgress?.({ done: offset + p.done, total, message: p.message }) });
  const make = (at: string): Promise<BuildReport> => built(model, (onnx) => tensorrt.build(onnx, at, spec, call(0)));

  const stored = store ? await kept(store, model, spec, tensorrt, make) : undefined;
  signal?.throwIfAborted();
  const target = plan === undefined ? stored!.plan : resolve(plan);
  const build = stored ? { ...stored.build, plan: target } : await make(target);
  if (stored && plan !== undefined) await copy(stored.plan, target);
  return {
    plan: target, key: stored?.key, cached: stored?.cached ?? false, bytes: build.header.bytes, findings, build,
    bench: bench === false ? undefined : await tensorrt.benchmark(target, spec, { ...bench, ...call(buildStages.length) }),
  };
}

/** As a service for techniques. */
export const tensorrtService = ({ tensorrt, store }: BuildEngineServices): TensorRTService => ({
  tool: tensorrt.tool,
  buildEngine: (model, spec, options) => buildEngine(model, spec, { ...options, tensorrt, store }),
});

/** Releases that the check knows; TensorRT for RTX types as 11 does. */
function checked(model: Model, spec: EngineSpec, tool: Tool, plugins: readonly string[] = []): Finding[] | undefined {
  const version = checkedRelease(tool);
  if (!version) return undefined;
  const findings = checkTensorRT(model, { version, plugins, ...(spec.profiles ? { profiles: spec.profiles } : {}) });
  const errors = findings.filter((f) => f.severity === "error");
  if (errors.length > 0) throw engineErrors.TRT_CHECK({ errors: errors.length, first: errors[0]!.message });
  return findings;
}

export const checkedRelease = ({ kind, version }: Tool): TensorRTVersion | undefined => (kind === "tensorrt_rtx" ? { major: 11, minor: 0, patch: 0 } : version.major >= 10 ? version : undefined);

interface Kept {
  readonly key: string;
  readonly plan: string;
  readonly cached: boolean;
  readonly build: BuildReport;
}

async function kept(store: EngineStore, model: Model, spec: EngineSpec, tensorrt: TensorRT, make: (plan: string) => Promise<BuildReport>): Promise<Kept> {
  const identity = await engineIdentity(model, spec, await tensorrt.probe());
  const found = await store.get(identity);
  // The report went in as JSON and comes out as such.
  const { key, plan, details } = found ?? (await store.put(identity, async (at) => JSON.parse(JSON.stringify(await make(at))) as Json));
  return { key, plan, cached: found !== undefined, build: details as unknown as BuildReport };
}

/** The model as a file for as long as it is read. */
async function built<T>(model: Model, use: (onnx: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "lathe-trt-"));
  try {
    const onnx = join(folder, "model.onnx");
    await saveModel(model, onnx);
    return await use(onnx);
  } finally {
    await remove(folder);
  }
}

async function copy(from: string, to: string): Promise<void> {
  const temporary = temporaryBeside(to);
  try {
    await copyFile(from, temporary);
    await publish(temporary, to);
  } catch (cause) {
    throw engineErrors.TRT_FILE({ path: to, reason: cause instanceof Error ? cause.message : String(cause) }, cause);
  } finally {
    await remove(temporary);
  }
}
