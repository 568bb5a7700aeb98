import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errorPage } from "../lib/error-page.ts";

test("docs/reference/errors.md is what scripts/docs-errors.ts writes", async () => {
  const page = await errorPage();
  // Every package with a catalogue has a section, so that an empty page cannot pass for one in sync.
  expect(page.match(/^## @lathe\/\S+/gm)).toHaveLength(11);
  expect(readFileSync(new URL("../../docs/reference/errors.md", import.meta.url), "utf8")).toBe(page);
});
