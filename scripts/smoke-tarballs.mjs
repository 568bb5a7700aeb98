// Installs the tarballs with npm into an empty project, as a user would, and uses them there.
// Each check below is a function of the project folder; add one to the list to check more.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readmeExamples } from "./lib/readme-examples.ts";
import { packAll, root, sh } from "./lib/tarballs.mjs";

const installed = (name) => JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version;

function install(project, tarballs) {
  const dependencies = Object.fromEntries(tarballs.map(({ name, file }) => [name, `file:${file}`]));
  for (const name of ["onnxruntime-node", "onnxruntime-web", "@types/node"]) dependencies[name] = installed(name);
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  // Without scripts: onnxruntime-node's would download GPU libraries that nothing here uses.
  sh("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], { cwd: project });
}

const specifiers = (tarballs) =>
  tarballs.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((subpath) => subpath !== "./package.json")
      .map((subpath) => name + subpath.slice(1)),
  );

function everyEntryLoads(project, tarballs) {
  const lines = specifiers(tarballs).map((s) => `console.log(${JSON.stringify(s)}, Object.keys(await import(${JSON.stringify(s)})).length, "exports");`);
  writeFileSync(join(project, "entries.js"), lines.join("\n"));
  sh("node", ["entries.js"], { cwd: project });
}

function everyEntryHasTypes(project, tarballs) {
  const lines = specifiers(tarballs).map((s, i) => `import * as entry${i} from ${JSON.stringify(s)};\nexport { entry${i} };`);
  writeFileSync(join(project, "types.ts"), lines.join("\n"));
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--lib", "es2023,dom", "--types", "node"];
  sh("node", [join(root, "node_modules/typescript/bin/tsc"), ...options, "types.ts"], { cwd: project });
}

function commandRuns(project) {
  sh(join(project, "node_modules/.bin/lathe"), ["--help"], { cwd: project });
}

/** Every marked example of the READMEs and the documentation, as printed, each in a folder of its own. */
function examplesRun(project) {
  const pages = ["README.md", "packages/*/README.md", "docs/packages/*.md", "docs/guide/*.md"].flatMap(pagesOf);
  const withExamples = pages.map((page) => ({ page, examples: readmeExamples(readFileSync(join(root, page), "utf8")) }));
  if (withExamples[0].examples.length === 0) throw new Error("README.md has no example marked with <!-- smoke -->");
  for (const { page, examples } of withExamples) examples.forEach(({ code, files }, index) => runExample(project, `${page.replace(/\W+/g, "-")}-${index}`, code, files));
}

/** Files that match a path with at most one `*` folder or name. */
function pagesOf(pattern) {
  const [folder, rest] = pattern.split("*");
  if (rest === undefined) return [pattern];
  return readdirSync(join(root, folder)).map((name) => (rest.startsWith("/") ? folder + name + rest : folder + name)).filter((page) => page.endsWith(".md") && existsSync(join(root, page))).sort();
}

function runExample(project, name, code, files) {
  const folder = join(project, name);
  mkdirSync(folder, { recursive: true });
  for (const { to, from } of files) {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    copyFileSync(join(root, from), join(folder, to));
  }
  writeFileSync(join(folder, "example.js"), code);
  sh("node", ["example.js"], { cwd: folder });
}

/** The guide's third-party technique: packed, installed beside the others, and taken through the conformance suite and the command line. */
function pluginConforms(project) {
  sh("npm", ["pack", "--silent", "--pack-destination", project], { cwd: join(root, "examples/plugin") });
  const tarball = readdirSync(project).find((file) => file.startsWith("lathe-technique-"));
  sh("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball}`], { cwd: project });
  copyFileSync(join(root, "fixtures/models/fashion-mobilenet.onnx"), join(project, "plugin-model.onnx"));
  writeFileSync(join(project, "plugin.js"), `
    import { loadModel } from "@lathe/core/node";
    import { main, standardTechniques } from "@lathe/cli";
    import { conformance } from "@lathe/testkit";
    import { roundMantissa } from "lathe-technique-round-mantissa";
    const model = await loadModel("plugin-model.onnx");
    const checks = conformance(roundMantissa, { examples: [{ model, options: { bits: 8 } }], invalid: [{ bits: 99 }] });
    for (const check of checks) await check.run();
    const code = await main(["round-mantissa", "plugin-model.onnx", "-o", "rounded.onnx", "--bits", "6"], { techniques: [...standardTechniques, roundMantissa] });
    if (code !== 0) throw new Error("the command line does not take the technique");
    console.log(checks.length, "conformance checks passed");
  `);
  sh("node", ["plugin.js"], { cwd: project });
}

const checks = { everyEntryLoads, everyEntryHasTypes, commandRuns, examplesRun, pluginConforms };

const folder = mkdtempSync(join(tmpdir(), "lathe-smoke-"));
try {
  const project = join(folder, "project");
  mkdirSync(project);
  const tarballs = packAll(folder);
  install(project, tarballs);
  for (const [name, check] of Object.entries(checks)) {
    console.log(`\n--- ${name}`);
    check(project, tarballs);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
