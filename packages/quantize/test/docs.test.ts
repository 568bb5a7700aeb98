/** The marked examples of the documentation page run as they stand. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, describe, expect, it, vi } from "vitest";
import { readmeExamples } from "../../../scripts/lib/readme-examples.ts";

const repo = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
// Inside the package, so that imports resolve as a user's would.
const folder = mkdtempSync(fileURLToPath(new URL("./.docs-", import.meta.url)));
afterAll(() => rmSync(folder, { recursive: true }));

describe("docs/packages/quantize.md", () => {
  const examples = readmeExamples(readFileSync(repo("docs/packages/quantize.md"), "utf8"));

  it.each(examples.map((example, i) => ({ ...example, i })))("example $i runs", async ({ code, files, i }) => {
    for (const { to, from } of files) cpSync(repo(from), join(folder, to));
    const path = join(folder, `example-${i}.mjs`);
    writeFileSync(path, code);
    const log = vi.spyOn(console, "log").mockReturnValue();
    const home = process.cwd();
    process.chdir(folder);
    try {
      await import(pathToFileURL(path).href);
    } finally {
      process.chdir(home);
    }
    expect(JSON.stringify(log.mock.calls)).toMatch(/"score"|"activationType"/);
  });
});
