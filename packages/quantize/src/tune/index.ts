/** Rewrites that change no result (but see align-channels.ts) and let ONNX Runtime's CPU take its faster kernels. Facts of one engine: a target asks for them. */
import type { Graph } from "@lathe/core";
import type { Target } from "../targets.ts";
import { residualSums } from "./residual-sums.ts";
import { alignInputChannels } from "./align-channels.ts";

const cpuTargets: ReadonlySet<Target> = new Set(["x64-vnni", "x64", "arm64", "wasm"]);
/** Targets whose direct convolution takes channels by fours; arm64 uses its own for deep layers only, WASM has none. */
const foursTargets: ReadonlySet<Target> = new Set(["x64-vnni", "x64"]);

/** Rewrites a quantized graph for a target, in place. */
export function tuneFor(target: Target | undefined, graph: Graph): void {
  if (!target || !cpuTargets.has(target)) return;
  residualSums(graph);
  if (foursTargets.has(target)) alignInputChannels(graph);
}
