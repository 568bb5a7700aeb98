/** A process killed in the middle of an epoch goes on from its last checkpoint to the very bytes of an uninterrupted run. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "lathe-resume-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the worker; with `killAt` it is killed as soon as it reports that step. Gives the steps that it reported. */
function work(name: string, result: string, killAt?: number): Promise<number[]> {
  const script = new URL("resume-worker.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, ["--conditions=@lathe/source", "--import", "tsx", script, join(folder, `${name}.ckpt`), join(folder, result)], { stdio: ["ignore", "pipe", "inherit"] });
  const steps: number[] = [];
  child.stdout.on("data", (text: Buffer) => {
    steps.push(...text.toString().trim().split("\n").map(Number));
    if (killAt !== undefined && steps.includes(killAt)) child.kill("SIGKILL");
  });
  return new Promise((resolve, reject) => {
    child.on("close", (code, signal) => (signal === (killAt === undefined ? null : "SIGKILL") && (code ?? 0) === 0 ? resolve(steps) : reject(new Error(`The worker ended with ${code ?? signal}.`))));
  });
}

it("survives SIGKILL twice", async () => {
  const whole = await work("whole", "whole.safetensors");
  expect(whole).toEqual(Array.from({ length: 36 }, (_, i) => i + 1));
  await work("killed", "killed.safetensors", 7);
  await work("killed", "killed.safetensors", 19);
  const rest = await work("killed", "killed.safetensors");
  expect(rest[0]).toBeGreaterThan(7);
  expect(rest.at(-1)).toBe(36);
  expect(readFileSync(join(folder, "killed.safetensors")).equals(readFileSync(join(folder, "whole.safetensors")))).toBe(true);
  expect(readFileSync(join(folder, "killed.ckpt")).equals(readFileSync(join(folder, "whole.ckpt")))).toBe(true);
  expect(readdirSync(folder).filter((f) => f.startsWith("whole"))).toEqual(["whole.ckpt", "whole.safetensors"]);
});
