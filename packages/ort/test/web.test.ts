import { readFileSync } from "node:fs";
import { decodeModel, type Tensor } from "@lathe/core";
import { difference, ortRuntime, randomFeeds } from "@lathe/ort";
import { webRuntime } from "@lathe/ort/web";
import { describe, expect, it } from "vitest";
import { dense } from "./models.ts";

const runtime = webRuntime({ load: { threads: 1 } });

describe("webRuntime", () => {
  it("runs a real network like the native runtime, weights beside the structure", async () => {
    const model = decodeModel(readFileSync(new URL("../../../fixtures/models/fashion-mobilenet.onnx", import.meta.url)));
    const feeds = randomFeeds(model, { bindings: { N: 2 }, ranges: { image: [0, 1] } });
    const results: Tensor[] = [];
    for (const { load } of [ortRuntime(), runtime]) {
      const session = await load(model);
      results.push((await session.run(feeds))["logits"]!);
      await session.dispose();
    }
    expect(difference(results[0]!, results[1]!).sqnr).toBeGreaterThan(80);
  });

  it("has the same errors", async () => {
    const session = await runtime.load(dense(64, 64));
    await expect(session.run({})).rejects.toMatchObject({ code: "ORT_FEED" });
    await session.dispose();
    await expect(webRuntime({ ort: () => Promise.reject(new Error("no")) }).load(dense(3, 2))).rejects.toMatchObject({ code: "ORT_NOT_INSTALLED", message: expect.stringContaining("onnxruntime-web") });
  });
});
