import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TensorRT } from "@lathe/trt";
import { openTensorRT } from "@lathe/trt/node";
import { onTestFinished } from "vitest";

export const standIn = fileURLToPath(new URL("../stand-in/trtexec", import.meta.url));

/** Only Node on the PATH, so that nothing of the machine is found. */
export const bareEnv = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({ PATH: dirname(process.execPath), ...more });

/** The stand-in as a TensorRT. */
export const open = (release = "10.13.3", mode = "ok", more: Readonly<Record<string, string>> = {}): Promise<TensorRT> =>
  openTensorRT({ path: standIn, env: bareEnv({ STANDIN_RELEASE: release, STANDIN_MODE: mode, ...more }) });

/** A folder that lasts as long as the test, with a file m.onnx in it. */
export async function folder(): Promise<{ at: (name: string) => string; onnx: string; plan: string; path: string }> {
  const path = await mkdtemp(join(tmpdir(), "lathe-trt-test-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const at = (name: string): string => join(path, name);
  await writeFile(at("m.onnx"), "not read by the stand-in");
  return { at, onnx: at("m.onnx"), plan: at("m.plan"), path };
}
