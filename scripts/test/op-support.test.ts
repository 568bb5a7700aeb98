import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { operatorPage } from "../lib/op-page.ts";

test("docs/reference/operators.md is what scripts/op-support.ts writes", () => {
  expect(readFileSync(new URL("../../docs/reference/operators.md", import.meta.url), "utf8")).toBe(operatorPage());
});
