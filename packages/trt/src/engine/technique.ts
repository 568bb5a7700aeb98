/** A step that builds an engine: the model passes through unchanged, the report says how large and how fast the engine is. */
import { defineTechnique, type Json } from "@lathe/core";
import { z } from "zod";
import { profileFor } from "../profiles/profile-for.ts";
import type { Profile } from "../profiles/profile.ts";
import type { EngineSpec } from "./spec.ts";
import { weakPrecisions } from "./spec.ts";
import { shareByType } from "./output/layer-table.ts";
import "./service.ts";

const size = z.number().int().min(0);
const range = z.union([size, z.tuple([size, size, size])]);

export const engineOptions = z.strictObject({
  sizes: z.record(z.string(), range).optional().describe("sizes of symbolic dimensions: one, or [least, usual, greatest]"),
  precision: z.array(z.enum(weakPrecisions)).optional().describe("TensorRT 10 and older: types the builder may choose beside those of the graph"),
  stronglyTyped: z.boolean().optional().describe("TensorRT 10: the types of the graph, as always from 11 on"),
  workspaceMiB: z.number().int().min(1).optional().describe("device memory for kernels at most"),
  sparsity: z.boolean().optional().describe("kernels for 2:4 sparse weights where they are faster"),
  optimizationLevel: z.number().int().min(0).max(5).optional().describe("0 (short build) to 5 (fast engine)"),
  versionCompatible: z.boolean().optional().describe("the engine loads in newer releases too"),
  hardwareCompatibility: z.enum(["ampere+", "sameComputeCapability"]).optional().describe("the engine runs on other GPUs too"),
  check: z.boolean().default(true).describe("stop at what the check calls an error"),
  bench: z.boolean().default(true).describe("time the engine"),
});

/** Builds a TensorRT engine on the host's GPU and times it; the model itself is not changed. */
export const buildTensorRTEngine = defineTechnique({
  name: "trt-engine",
  summary: "Builds and times a TensorRT engine where the host has one; the model itself is not changed.",
  options: engineOptions,
  needs: ["tensorrt"],
  async apply(model, { sizes, workspaceMiB, check, bench, ...rest }, ctx) {
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Partial<EngineSpec>;
    const profiles: readonly Profile[] | undefined = sizes ? [profileFor(model, sizes)] : undefined;
    const spec: EngineSpec = { ...given, ...(profiles ? { profiles } : {}), ...(workspaceMiB === undefined ? {} : { memoryPools: { workspace: workspaceMiB * 2 ** 20 } }) };
    const built = await ctx.services.tensorrt.buildEngine(model, spec, { signal: ctx.signal, check, onProgress: (p) => ctx.progress(p), ...(bench ? {} : { bench: false }) });
    for (const finding of built.findings ?? []) if (finding.severity === "warning") ctx.warn({ code: `TRT_${finding.id}`, message: finding.message, ...(finding.node === undefined ? {} : { node: finding.node }) });
    const { summary, layers } = built.bench ?? {};
    return {
      metrics: { engineBytes: built.bytes, cached: built.cached, ...(summary ? { latencyMs: summary.latency.median, throughput: summary.throughput } : {}) },
      details: { engine: built.key ?? built.plan, argv: [...built.build.argv], ...(layers ? { shareByType: shareByType(layers), slowest: layers.slice(0, 20) as unknown as Json } : {}) },
    };
  },
});
