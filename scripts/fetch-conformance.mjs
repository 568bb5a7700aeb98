#!/usr/bin/env node
/**
 * Obtains the ONNX backend test suite (operator models with inputs and expected outputs) and prints its folder.
 *
 *   node scripts/fetch-conformance.mjs [--onnx 1.23.1] [--python PATH] [--from pip|debian] [--force]
 *
 * Two sources, tried in this order:
 *   pip     the Python package `onnx` in a private virtual environment (or --python, when that one has it already);
 *           about 2,000 cases up to the newest opset. Apache-2.0.
 *   debian  the package `libonnx-testdata` (onnx 1.12): 1,072 cases up to opset 17. MIT ("Expat").
 * Result: ~/.cache/lathe-conformance/onnx/<kind>/<case>/{model.onnx, test_data_set_<i>/*.pb} and ABOUT.json.
 * LATHE_CONFORMANCE names another folder instead of ~/.cache/lathe-conformance. The cases are not redistributed here.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const home = process.env.LATHE_CONFORMANCE ?? join(homedir(), ".cache", "lathe-conformance");
const target = join(home, "onnx");

const { values: options } = parseArgs({
  options: {
    onnx: { type: "string", default: "1.23.1" },
    python: { type: "string" },
    from: { type: "string" },
    force: { type: "boolean", default: false },
  },
});

/** Runs a program; its messages go to stderr so that stdout stays the folder alone. */
const run = (program, args, cwd) => execFileSync(program, args, { cwd, stdio: ["ignore", 2, 2] });
const read = (program, args) => execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", 2] }).trim();

function fromPip(scratch) {
  const python = options.python ?? makeEnvironment(join(home, "venv"));
  const out = join(scratch, "cases");
  run(python, ["-W", "ignore", join(here, "write-conformance-cases.py"), out]);
  const version = read(python, ["-c", "import onnx; print(onnx.__version__)"]);
  return { out, about: { source: `pip onnx==${version}`, version, licence: "Apache-2.0" } };
}

function makeEnvironment(folder) {
  const python = join(folder, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  if (!existsSync(python)) run("python3", ["-m", "venv", folder]);
  // pillow: the ImageDecoder cases encode their inputs with it.
  run(python, ["-m", "pip", "install", "-q", "--disable-pip-version-check", `onnx==${options.onnx}`, "pillow"]);
  return python;
}

function fromDebian(scratch) {
  try {
    run("apt-get", ["download", "libonnx-testdata"], scratch);
  } catch {
    run("apt-get", ["update", "-q"]); // a fresh machine has no package lists; needs root
    run("apt-get", ["download", "libonnx-testdata"], scratch);
  }
  const deb = readdirSync(scratch).find((name) => name.endsWith(".deb"));
  if (deb === undefined) throw new Error("apt-get download left no .deb file");
  run("dpkg", ["-x", deb, "tree"], scratch);
  const version = deb.split("_")[1];
  return {
    out: join(scratch, "tree", "usr", "share", "libonnx-testdata", "data"),
    about: { source: `Debian libonnx-testdata ${version}`, version, licence: "MIT" },
  };
}

/** Case counts by kind; "real" holds only download addresses, so it does not count. */
function countCases(folder) {
  const kinds = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== "real");
  return Object.fromEntries(kinds.map((kind) => [kind.name, readdirSync(join(folder, kind.name)).length]));
}

function obtain() {
  const sources = { pip: fromPip, debian: fromDebian };
  if (options.from !== undefined && !Object.hasOwn(sources, options.from)) {
    throw new Error(`--from takes pip or debian, not "${options.from}"`);
  }
  const failures = [];
  for (const name of options.from === undefined ? ["pip", "debian"] : [options.from]) {
    const scratch = mkdtempSync(join(home, "scratch-"));
    try {
      const { out, about } = sources[name](scratch);
      writeFileSync(join(out, "ABOUT.json"), `${JSON.stringify({ ...about, cases: countCases(out) }, null, 2)}\n`);
      rmSync(join(out, "real"), { recursive: true, force: true });
      rmSync(target, { recursive: true, force: true });
      renameSync(out, target);
      return;
    } catch (error) {
      failures.push(`  ${name}: ${String(error.message).split("\n")[0]}`);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  throw new Error(
    `The ONNX conformance cases could not be obtained:\n${failures.join("\n")}\n` +
      "Remedy: install python3 with venv and pip and allow access to a Python package index,\n" +
      "or run as root on Debian/Ubuntu with apt-get, or unpack the suite yourself and set LATHE_CONFORMANCE.",
  );
}

try {
  mkdirSync(home, { recursive: true });
  if (options.force || !existsSync(join(target, "ABOUT.json"))) obtain();
  process.stderr.write(readFileSync(join(target, "ABOUT.json"), "utf8"));
  console.log(target);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
