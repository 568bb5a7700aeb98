import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformance, tinyCnn } from "@lathe/testkit";
import { buildTensorRTEngine } from "@lathe/trt";
import { openEngineStore, tensorrtService } from "@lathe/trt/node";
import { afterAll, it } from "vitest";
import { open } from "./stand-in.ts";

const path = mkdtempSync(join(tmpdir(), "lathe-trt-conformance-"));
afterAll(() => rm(path, { recursive: true, force: true }));

const model = tinyCnn();
const [symbol] = model.graph.inputs[0]!.shape! as [string];
const tensorrt = tensorrtService({ tensorrt: await open(), store: await openEngineStore(path) });

for (const { name, run } of conformance(buildTensorRTEngine, { examples: [{ model: () => tinyCnn(), options: { sizes: { [symbol]: [1, 4, 8] } }, services: { tensorrt } }], invalid: [{ optimizationLevel: 9 }, { sizes: { N: -1 } }] })) {
  it(`trt-engine ${name}`, run);
}
