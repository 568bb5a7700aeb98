import { expect, it } from "vitest";

it("train-fashion.ts trains, replaces a head and learns 4-bit weights", async () => {
  process.env["EPOCHS"] = "3";
  const { scratch, headAccuracy, fourBits } = await import("../train-fashion.ts");
  expect(scratch).toHaveLength(3);
  expect(scratch.at(-1)!.loss).toBeLessThan(scratch[0]!.loss);
  expect(headAccuracy.after).toBeGreaterThan(0.97);
  expect(fourBits.float - fourBits.learned).toBeLessThan((fourBits.float - fourBits.asItIs) / 2);
}, 480_000);

it("finetune-orientation.ts teaches PP-OCR's direction classifier two more directions, in eight bits too", async () => {
  Object.assign(process.env, { LINES: "16", EPOCHS: "4" });
  const { orientations } = await import("../finetune-orientation.ts");
  expect(orientations.tuned).toBeGreaterThan(orientations.randomHead + 0.2);
  expect(orientations.int8Learned).toBeGreaterThan(orientations.tuned - 0.2);
}, 480_000);

it("finetune-reader.ts teaches PP-OCR's reader coarse pictures from texts alone", async () => {
  Object.assign(process.env, { LINES: "24", EPOCHS: "2" });
  const { characterErrorRate, losses } = await import("../finetune-reader.ts");
  expect(losses).toHaveLength(6);
  expect(characterErrorRate.after).toBeLessThan(characterErrorRate.before * 0.7);
}, 480_000);
