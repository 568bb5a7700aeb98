/** Cases in folders: a model, a recipe and the graph that comes out. Adding one takes no code. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { decodeModel, fromRecipe, isLatheError, type AnyTechnique, type Lent, type Model } from "@lathe/core";
import { differential, type DifferentialOptions } from "./differential.ts";
import { testkitErrors } from "./errors.ts";
import { expectGolden, golden, type GoldenOptions } from "./golden.ts";
import { parseModel } from "./text/parse.ts";

export interface CaseOptions {
  readonly techniques: readonly AnyTechnique[];
  /** Lent to the pipelines. */
  readonly services?: Lent<never>;
  /** Default 0. */
  readonly seed?: number;
  readonly golden?: GoldenOptions;
  /** Also runs both graphs and demands the same outputs; for rewrites that must not change what a model computes. */
  readonly differential?: DifferentialOptions;
  /** Writes expected.txt instead of comparing. Default: whether the environment has LATHE_UPDATE=1. */
  readonly update?: boolean;
}

export interface Case {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * The cases in the subfolders of `folder`: `model.txt` (see {@link parseModel}) or `model.onnx`, `recipe.json` and `expected.txt`, which is the printed graph, or
 * "error CODE" when the recipe must fail.
 * @throws TESTKIT_CASE for folders without cases or with files missing; its `run` also TESTKIT_GOLDEN and TESTKIT_DIFFERENT.
 */
export function casesIn(folder: string, options: CaseOptions): Case[] {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
  if (names.length === 0) throw testkitErrors.TESTKIT_CASE({ folder, problem: "it holds no cases" });
  return names.map((name) => ({ name, run: () => runCase(join(folder, name), options) }));
}

async function runCase(folder: string, options: CaseOptions): Promise<void> {
  const model = existsSync(join(folder, "model.txt")) ? parseModel(read(folder, "model.txt").toString()) : decodeModel(read(folder, "model.onnx"));
  const recipe = JSON.parse(read(folder, "recipe.json").toString()) as unknown;
  const update = options.update ?? process.env["LATHE_UPDATE"] === "1";
  const received = await outcome(model, recipe, options);
  if (update) writeFileSync(join(folder, "expected.txt"), received);
  else expectGolden(received, read(folder, "expected.txt").toString(), `The result of case ${basename(folder)}`);
}

async function outcome(model: Model, recipe: unknown, options: CaseOptions): Promise<string> {
  let after: Model;
  try {
    ({ model: after } = await fromRecipe(options.techniques, recipe).run(model, { ...options.services, seed: options.seed ?? 0 }).result);
  } catch (error) {
    if (isLatheError(error)) return `error ${error.code}\n`;
    throw error;
  }
  if (options.differential) await differential(model, after, options.differential);
  return golden(after, options.golden);
}

function read(folder: string, file: string): Buffer {
  const path = join(folder, file);
  if (!existsSync(path)) throw testkitErrors.TESTKIT_CASE({ folder, problem: `${file} is missing` });
  return readFileSync(path);
}
