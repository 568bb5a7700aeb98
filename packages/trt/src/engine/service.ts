/** Engines as a service that hosts lend to techniques. */
import type { Model } from "@lathe/core";
import type { Finding } from "../rules/finding.ts";
import type { BenchOptions } from "./bench-options.ts";
import type { BenchReport, BuildReport, CallOptions } from "./reports.ts";
import type { EngineSpec } from "./spec.ts";
import type { Tool } from "./version.ts";

/** Where an engine runs: another target needs another engine. */
export interface EngineTarget {
  /** "trtexec 10.13.3 build 9" */
  readonly tool: string;
  /** Name and compute capability. */
  readonly gpu: string;
  readonly driver: string;
  /** "linux-x64" */
  readonly platform: string;
}

/** What decides what an engine is. */
export interface EngineIdentity extends EngineTarget {
  readonly format: 1;
  /** SHA-256 of graph and weights. */
  readonly model: string;
  /** The spec, with digests in the place of files. */
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface BuildEngineOptions extends CallOptions {
  /** false: the model is handed to TensorRT though the check finds errors. Default true. */
  readonly check?: boolean | undefined;
  /** Operators that the plugins of the spec serve, for the check. */
  readonly pluginOps?: readonly string[] | undefined;
  /** How it is timed; false: it is not. Default: timed with the defaults. */
  readonly bench?: BenchOptions | false | undefined;
  /** Where the engine goes. Needed without a store; with one, a copy is put there. */
  readonly plan?: string | undefined;
}

export interface EngineResult {
  /** Path of the engine. */
  readonly plan: string;
  /** Name in the store; undefined without one. */
  readonly key: string | undefined;
  /** It was in the store already. */
  readonly cached: boolean;
  readonly bytes: number;
  /** What the check found; undefined when it was not made, as for TensorRT 8, which it does not cover. */
  readonly findings: readonly Finding[] | undefined;
  readonly build: BuildReport;
  /** undefined when it was not timed. */
  readonly bench: BenchReport | undefined;
}

export interface TensorRTService {
  readonly tool: Tool;
  /** Checks the model, builds the engine unless it is in the store, and times it. */
  buildEngine(model: Model, spec?: EngineSpec, options?: BuildEngineOptions): Promise<EngineResult>;
}

declare module "@lathe/core" {
  interface Services {
    /** Builds TensorRT engines; see `tensorrtService()` of @lathe/trt/node. */
    tensorrt: TensorRTService;
  }
}
