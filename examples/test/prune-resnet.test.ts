import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("prune-resnet.ts trains, halves, refits and teaches a small residual network", async () => {
  Object.assign(process.env, { EPOCHS: "3", WIDTH: "8" });
  const { rows } = await import("../prune-resnet.ts");
  const [dense, cut, refit, tuned] = rows;
  for (const small of [cut, refit, tuned]) {
    expect(small!.macs).toBeLessThanOrEqual(dense!.macs / 2);
    expect(small!.parameters).toBeLessThan(dense!.parameters / 2);
  }
  expect(refit!.top1).toBeGreaterThan(cut!.top1 + 0.1);
  expect(tuned!.top1).toBeGreaterThan(dense!.top1 - 0.05);
  expect(readFileSync(new URL("../../demo-output/prune-resnet.html", import.meta.url), "utf8")).toContain("cut, refit, fine-tuned");
}, 480_000);
