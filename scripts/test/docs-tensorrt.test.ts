import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { tensorrtPage } from "../lib/trt-page.ts";

test("docs/reference/tensorrt.md is what scripts/docs-tensorrt.ts writes", () => {
  expect(readFileSync(new URL("../../docs/reference/tensorrt.md", import.meta.url), "utf8")).toBe(tensorrtPage());
});
