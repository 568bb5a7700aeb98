/** The examples that the READMEs of the packages and the pages of the site mark as runnable do run, on the sources. */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readmeExamples, type ReadmeExample } from "../lib/readme-examples.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
// The page of quantize is run by that package's own tests.
const packages = await readdir(join(root, "packages"));
const pages = [...packages.map((name) => `packages/${name}/README.md`), ...(await readdir(join(root, "docs/packages"))).filter((name) => name !== "quantize.md").map((name) => `docs/packages/${name}`)];
const examples = (await Promise.all(pages.map(async (page) => readmeExamples(await readFile(join(root, page), "utf8")).map((example, i) => [`${page}, example ${i + 1}`, example] as const)))).flat();

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-examples-"));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each(packages)("packages/%s/README.md shows code", async (name) => {
  expect(await readFile(join(root, `packages/${name}/README.md`), "utf8")).toMatch(/^```(js|ts)\n[^]*@lathe\//m);
});

it.each(examples)("%s", async (name, { code, files }: ReadmeExample) => {
  for (const { to, from } of files) await copyFile(join(root, from), join(folder, to));
  const path = join(folder, `${name.replaceAll(/\W+/g, "-")}.mjs`);
  await writeFile(path, code);
  await promisify(execFile)(process.execPath, ["--import", "tsx", "--conditions=@lathe/source", path], { cwd: folder, maxBuffer: 2 ** 26 });
}, 120_000);
