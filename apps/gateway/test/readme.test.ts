/** Runs what the README prints, exactly as printed. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fixture, startGateway, type TestGateway } from "./support.ts";

let g: TestGateway;
let folder: string;
let readme: string;
beforeAll(async () => {
  g = await startGateway();
  folder = await mkdtemp(join(tmpdir(), "lathe-readme-"));
  readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
});
afterAll(async () => {
  await g.close();
  await rm(folder, { recursive: true, force: true });
});

const block = (name: string): string => new RegExp(`<!-- ${name}: begin -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\`\\n<!-- ${name}: end -->`).exec(readme)![1]!;
const run = async (file: string, args: string[]): Promise<string> => {
  await writeFile(join(folder, "model.onnx"), await fixture("fashion-mobilenet.onnx"));
  await rm(join(folder, "small.onnx"), { force: true });
  return (await promisify(execFile)(file, args, { cwd: folder, env: { ...process.env, LATHE: g.gateway.url, TOKEN: g.token } })).stdout;
};

it("works with curl", async () => {
  const said = await run("bash", ["-euo", "pipefail", "-c", block("curl")]);
  expect(said).toContain('"parameters":');
  expect(said).toMatch(/"type":"QUEUED"[\s\S]*"type":"SUCCEEDED"[\s\S]*event: complete/);
  expect((await readFile(join(folder, "small.onnx"))).length).toBeLessThan((await readFile(join(folder, "model.onnx"))).length);
});

it("works with the client", async () => {
  // Inside the package, so that its name resolves as it does for a user who installed it.
  const cache = new URL("../node_modules/.cache/", import.meta.url);
  await mkdir(cache, { recursive: true });
  const script = fileURLToPath(new URL(`readme-${process.pid}.mts`, cache));
  await writeFile(script, block("client"));
  const said = await run(process.execPath, ["--import", import.meta.resolve("tsx"), "--conditions=@lathe/source", script]).finally(() => rm(script));
  expect(said).toMatch(/SUCCEEDED[\s\S]*simplify → quantize-dynamic \d+ -> \d+/);
  expect((await readFile(join(folder, "small.onnx"))).length).toBeGreaterThan(0);
});
