/** ONNX Runtime's Python tool as a process (bench/peers/quantize.py). Needs LATHE_PEER_PYTHON, a Python with onnx and onnxruntime. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { encodeNpz, type Feeds, type Tensor } from "@lathe/core";

export const peerPython = process.env["LATHE_PEER_PYTHON"];

/** Settings of the tool that are tried; the best of them is what ours is compared with. */
export const peerSettings: readonly string[] = [
  "static s8s8 (default)", "static u8s8", "static u8s8 per channel", "static u8s8 per channel, pre-processed", "dynamic s8", "dynamic u8", "dynamic s8 products",
];

export interface ProcessFigures {
  /** Of the whole process, start included. */
  readonly wallMs: number;
  /** Processor time: what counts on a machine that has other work too. */
  readonly cpuMs: number;
  readonly peakMb: number;
}

export async function writeSamples(path: string, samples: readonly Feeds[]): Promise<void> {
  const arrays: Record<string, Tensor> = {};
  samples.forEach((sample, i) => Object.entries(sample).forEach(([name, tensor]) => (arrays[`${i}/${name}`] = tensor)));
  writeFileSync(path, await encodeNpz(arrays));
}

/** undefined when the tool fails; its last line says why. */
export function runPeer(model: string, out: string, setting: string, samples: string): ProcessFigures | { readonly error: string } {
  if (!peerPython) return { error: "set LATHE_PEER_PYTHON" };
  const start = performance.now();
  const script = fileURLToPath(new URL("../peers/quantize.py", import.meta.url));
  const { status, stdout, stderr } = spawnSync(peerPython, ["-W", "ignore", script, model, out, setting, samples], { encoding: "utf8", maxBuffer: 2 ** 28 });
  const wallMs = performance.now() - start;
  if (status !== 0) return { error: stderr.trim().split("\n").at(-1) ?? "failed" };
  return { wallMs, ...(JSON.parse(stdout.trim().split("\n").at(-1)!) as Omit<ProcessFigures, "wallMs">) };
}
