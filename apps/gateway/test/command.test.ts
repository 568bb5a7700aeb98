/** The program as a newcomer meets it. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type StepInput } from "@lathe/gateway/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Technique } from "../studio/api/types.ts";
import { propertiesOf } from "../studio/forms/schema.ts";
import { stepInputsOf } from "../studio/forms/steps.ts";
import { fixture, installPlugin } from "./support.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
let project: string;
beforeAll(async () => void (project = await mkdtemp(join(tmpdir(), "lathe-command-"))));
afterAll(() => rm(project, { recursive: true, force: true }));

function start(...args: string[]): { child: ChildProcess; said: () => string; ended: Promise<number | null> } {
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), "--conditions=@lathe/source", main, ...args], { cwd: project, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { child, said: () => text, ended: new Promise((resolve) => child.on("close", resolve)) };
}

it("starts with one command, refuses a second one, runs a technique from a tarball, stops when told, and can be exported", async () => {
  const { name } = await installPlugin(project);
  const first = start("--port", "0", "--technique", name);
  while (!first.said().includes("Listening on")) await Promise.race([new Promise((resolve) => first.child.stdout!.once("data", resolve)), first.ended.then(() => Promise.reject(new Error(first.said())))]);
  const [, token] = /Admin key, shown this once: (\S+)/.exec(first.said())!;
  const [, url] = /Listening on (\S+)/.exec(first.said())!;

  const second = start("--port", "0");
  expect(await second.ended).toBe(1);
  expect(second.said()).toContain(`in use by process ${first.child.pid}`);

  const client = connect({ url: url!, token: token! });
  const model = await client.upload(await fixture("fashion-mobilenet.onnx"), { name: "fashion" });
  // The studio makes its form of what the gateway tells of the technique, and steps of what the form holds.
  const { techniques } = await client.query<{ techniques: Technique[] }>("{ techniques { name input summary options needs takesSteps available unavailableReason } }");
  const technique = techniques.find((t) => t.name === "round-mantissa")!;
  expect(propertiesOf(technique.options).map(([option, { type }]) => [option, type])).toEqual([["bits", "integer"], ["smallest", "integer"]]);
  const steps = stepInputsOf([{ id: 0, technique, options: { bits: 6 }, steps: [] }]) as StepInput[];
  expect(steps).toEqual([{ roundMantissa: { bits: 6 } }]);
  const { report } = await (await client.optimize(model, steps)).result();
  expect(report!.steps[0]!.metrics["changedWeights"]).toBeGreaterThan(0);

  first.child.kill("SIGTERM");
  expect(await first.ended).toBe(0);
  expect(first.said()).not.toMatch(/"level":"error"/);

  const dump = start("export", "dump");
  expect([await dump.ended, dump.said()]).toEqual([0, expect.stringMatching(/^exported \d+ rows and \d+ files of \d+ bytes/)]);
});

it.each([[["--prot", "1"], "'--prot'"], [["strat", "--port", "0"], 'There is no command "strat"']])("says what is wrong with a command line: %j", async (args, wrong) => {
  const { ended, said } = start(...args);
  expect(await ended).toBe(2);
  expect(said()).toContain(wrong);
  expect(said()).toContain("Usage: lathe-gateway");
});
