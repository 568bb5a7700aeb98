/**
 * The program of a task child as JavaScript, made of the sources once and kept until one of them changes: a child of a checkout then comes
 * up like one of the published package, in a fifth of the time that reading hundreds of sources takes it.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, version } from "esbuild";
import { sha256 } from "../src/hash.ts";

export interface ChildBundle {
  /** Entry of the program. */
  readonly file: string;
  /** Addresses of the technique modules in it, in the order given. */
  readonly modules: readonly string[];
}

/** A source as it was when the bundle was made: path, bytes, time of the last change in ms. */
type Input = readonly [path: string, size: number, at: number];

interface Kept {
  readonly folder: string;
  readonly inputs: readonly Input[];
}

const root = fileURLToPath(new URL("../../../", import.meta.url));
const cache = fileURLToPath(new URL("../node_modules/.cache/child/", import.meta.url));
/** Programs of others that run just now may still read an old bundle. */
const OLD_MS = 3_600_000;

/** @param modules file URLs of TypeScript modules */
export async function bundleChild(modules: readonly string[]): Promise<ChildBundle> {
  const name = sha256(JSON.stringify([version, modules])).slice(0, 16);
  const folder = (await kept(name)) ?? (await make(name, modules));
  return { file: join(folder, "task/child.js"), modules: modules.map((_, i) => pathToFileURL(join(folder, `modules/${i}.js`)).href) };
}

async function kept(name: string): Promise<string | undefined> {
  const text = await readFile(join(cache, `${name}.json`), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { folder, inputs } = JSON.parse(text) as Kept;
  const same = await Promise.all(inputs.map(async ([path, size, at]) => (await inputOf(path))?.join() === [path, size, at].join()));
  return same.every((one) => one) ? folder : undefined;
}

const inputOf = (path: string): Promise<Input | undefined> => stat(path).then(({ size, mtimeMs }): Input => [path, size, mtimeMs], () => undefined);

async function make(name: string, modules: readonly string[]): Promise<string> {
  const started = Date.now();
  const folder = join(cache, `${name}-${randomBytes(6).toString("hex")}`);
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      "task/child": fileURLToPath(new URL("../src/task/child.ts", import.meta.url)),
      // The engine's thread finds its entry here, as in the package.
      "engine/worker": join(root, "packages/ort/src/engine/worker.ts"),
      ...Object.fromEntries(modules.map((url, i) => [`modules/${i}`, fileURLToPath(url)])),
    },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: "esm",
    target: "node20",
    platform: "node",
    conditions: ["@lathe/source"],
    external: ["onnxruntime-node", "onnxruntime-web"],
    metafile: true,
    logLevel: "silent",
  });
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  const inputs = (await Promise.all(Object.keys(metafile.inputs).map((path) => inputOf(resolve(root, path))))).filter((input) => input !== undefined);
  // What was changed while it was read may be in the bundle or not.
  if (inputs.every(([, , at]) => at < started)) await keep(name, { folder, inputs });
  await clear(name, folder);
  return folder;
}

async function keep(name: string, kept_: Kept): Promise<void> {
  const temporary = join(cache, `${name}.${process.pid}.tmp`);
  await writeFile(temporary, JSON.stringify(kept_));
  await rename(temporary, join(cache, `${name}.json`));
}

async function clear(name: string, current: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  for (const entry of await readdir(cache)) {
    const path = join(cache, entry);
    if (!entry.startsWith(`${name}-`) || path === current) continue;
    const found = await stat(path).catch(() => undefined);
    if (found && found.mtimeMs < Date.now() - OLD_MS) await rm(path, { recursive: true, force: true });
  }
}
