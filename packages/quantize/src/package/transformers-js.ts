/** One call that writes the `onnx` folder of a transformers.js model: a file for each dtype, checked before it gets its name. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isLatheError, type Feeds, type Model, type Runtime } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { webRuntime } from "@lathe/ort/web";
import { dtypeSuffix, makers, packageDtypes, type DtypeOptions, type PackageDtype } from "./dtypes.ts";
import { packageErrors } from "./errors.ts";
import { runFile, worstOutput, type Outputs } from "./verify-file.ts";

export interface PackageOptions extends Partial<DtypeOptions> {
  /** Default: all, where one that cannot be made is left out and said so. When they are named, each must succeed. */
  readonly dtypes?: readonly PackageDtype[];
  /** Engines that must run every file: "node" (onnxruntime-node), "web" (onnxruntime-web), or any other. Default node. */
  readonly verify?: readonly ("node" | "web" | Runtime)[];
  /** Samples to verify with. Default: one of random values; for several models by the model's name. */
  readonly feeds?: readonly Feeds[] | Readonly<Record<string, readonly Feeds[]>>;
  /** Sizes of symbolic dimensions in random samples. */
  readonly bindings?: Readonly<Record<string, number>>;
  /** Least signal to noise ratio of any output, in decibels. Default: not checked. */
  readonly minSqnr?: number;
  readonly signal?: AbortSignal;
  readonly onFile?: (file: PackageFile) => void;
}

export interface PackageFile {
  readonly model: string;
  readonly dtype: PackageDtype;
  /** Name within the `onnx` folder. */
  readonly file: string;
  /** With external data. */
  readonly bytes: number;
  /** Weights are in a second file; `transformers.js_config.use_external_data_format` must name it. */
  readonly externalData: boolean;
  /** By engine: of the worst output against the float32 model in the same engine, in decibels. */
  readonly sqnr: Readonly<Record<string, number>>;
}

export interface PackageReport {
  readonly files: readonly PackageFile[];
  readonly skipped: readonly { readonly model: string; readonly dtype: PackageDtype; readonly reason: string }[];
}

/** A model, or the path of one; or several by the name that the library looks for. */
export type PackageSource = Model | string | Readonly<Record<string, Model | string>>;

/** What protobuf readers accept, less room for the graph. */
const ONE_FILE = 2 ** 31 - 2 ** 24;

/**
 * Writes `<outDir>/onnx/<name><suffix>.onnx` for every dtype. Files are made and run in a folder beside it first, so that a failure
 * leaves what was there.
 * @throws PACKAGE_NAME, PACKAGE_EMPTY, PACKAGE_FAILS, PACKAGE_ACCURACY; what making a named dtype throws; FILE_*, ONNX_*
 */
export async function packageForTransformersJs(source: PackageSource, outDir: string, options: PackageOptions = {}): Promise<PackageReport> {
  const final = join(outDir, "onnx");
  const scratch = join(outDir, `onnx.${randomBytes(6).toString("hex")}.tmp`);
  const files: PackageFile[] = [];
  const skipped: { model: string; dtype: PackageDtype; reason: string }[] = [];
  const models = Object.entries(byName(source));
  for (const [name] of models) if (!/^[\w.-]+$/.test(name) || name.startsWith(".")) throw packageErrors.PACKAGE_NAME({ name });
  await mkdir(scratch, { recursive: true });
  try {
    for (const [name, model] of models) await new Packager(name, typeof model === "string" ? await loadModel(model) : model, scratch, options, files, skipped).run();
    if (files.length === 0) throw packageErrors.PACKAGE_EMPTY({ reasons: skipped.map((s) => `${s.dtype}: ${s.reason}`).join("; ") });
    await mkdir(final, { recursive: true });
    // Data before models: at no time does a model name data that is not there.
    for (const file of (await readdir(scratch)).sort((a, b) => Number(a.endsWith(".onnx")) - Number(b.endsWith(".onnx")))) await rename(join(scratch, file), join(final, file));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return { files, skipped };
}

const byName = (source: PackageSource): Readonly<Record<string, Model | string>> =>
  typeof source === "string" || "graph" in source ? { model: source as Model | string } : source;

class Packager {
  readonly #name: string;
  readonly #model: Model;
  readonly #folder: string;
  readonly #options: PackageOptions;
  readonly #files: PackageFile[];
  readonly #skipped: { model: string; dtype: PackageDtype; reason: string }[];

  constructor(name: string, model: Model, folder: string, options: PackageOptions, files: PackageFile[], skipped: { model: string; dtype: PackageDtype; reason: string }[]) {
    this.#name = name;
    this.#model = model;
    this.#folder = folder;
    this.#options = options;
    this.#files = files;
    this.#skipped = skipped;
  }

  async run(): Promise<void> {
    const runtimes = (this.#options.verify ?? ["node"]).map(engine);
    const samples = this.#samples();
    const reference = new Map<Runtime, Outputs>();
    const plain = await this.#write(this.#model, "fp32");
    for (const runtime of runtimes) reference.set(runtime, await runFile(plain.path, plain.file, samples, runtime, this.#options.signal));
    const wanted = this.#options.dtypes ?? packageDtypes;
    for (const dtype of wanted) {
      this.#options.signal?.throwIfAborted();
      const made = dtype === "fp32" ? this.#model : await this.#make(dtype);
      if (!made) continue;
      const { file, path, bytes, externalData } = dtype === "fp32" ? plain : await this.#write(made, dtype);
      const sqnr: Record<string, number> = {};
      for (const runtime of runtimes) sqnr[runtime.name] = this.#judge(file, runtime, reference.get(runtime)!, dtype === "fp32" ? reference.get(runtime)! : await runFile(path, file, samples, runtime, this.#options.signal));
      const entry = { model: this.#name, dtype, file, bytes, externalData, sqnr };
      this.#files.push(entry);
      this.#options.onFile?.(entry);
    }
    if (!wanted.includes("fp32")) for (const path of [plain.path, `${plain.path}_data`]) await rm(path, { force: true });
  }

  #samples(): readonly Feeds[] {
    const { feeds, bindings = {} } = this.#options;
    const given = Array.isArray(feeds) ? (feeds as readonly Feeds[]) : (feeds as Readonly<Record<string, readonly Feeds[]>> | undefined)?.[this.#name];
    return given ?? [randomFeeds(this.#model, { seed: 1, bindings, unbound: 2 })];
  }

  /** Undefined when it cannot be made and nobody insists. */
  async #make(dtype: PackageDtype): Promise<Model | undefined> {
    const { reduceRange = true, embeddingBits, excludeNodes = [] } = this.#options;
    try {
      return await makers[dtype](this.#model, { reduceRange, embeddingBits, excludeNodes });
    } catch (error) {
      if (this.#options.dtypes !== undefined || !isLatheError(error)) throw error;
      this.#skipped.push({ model: this.#name, dtype, reason: error.message });
      return undefined;
    }
  }

  async #write(model: Model, dtype: PackageDtype): Promise<{ file: string; path: string; bytes: number; externalData: boolean }> {
    const file = `${this.#name}${dtypeSuffix[dtype]}.onnx`;
    const path = join(this.#folder, file);
    const externalData = weightBytes(model) > ONE_FILE;
    await saveModel(model, path, externalData ? { externalData: { file: `${file}_data` } } : { externalData: false });
    const bytes = (await stat(path)).size + (externalData ? (await stat(`${path}_data`)).size : 0);
    return { file, path, bytes, externalData };
  }

  /** @throws PACKAGE_ACCURACY */
  #judge(file: string, runtime: Runtime, reference: Outputs, outputs: Outputs): number {
    const { output, sqnr } = worstOutput(reference, outputs);
    const { minSqnr } = this.#options;
    if (minSqnr !== undefined && !(sqnr >= minSqnr)) throw packageErrors.PACKAGE_ACCURACY({ file, runtime: runtime.name, output, sqnr, least: minSqnr });
    return sqnr;
  }
}

function engine(given: "node" | "web" | Runtime): Runtime {
  if (given === "node") return ortRuntime();
  return given === "web" ? webRuntime({ load: { threads: 1 } }) : given;
}

function weightBytes(model: Model): number {
  let bytes = 0;
  for (const graph of model.graph.allGraphs()) for (const { tensor } of graph.initializers) bytes += tensor!.byteLength;
  return bytes;
}
