/**
 * Simplification and operator-set conversion against the ONNX backend test suite: each model that ONNX Runtime runs is changed and
 * must give the same outputs, run with optimisation off. Needs the cases: `node scripts/fetch-conformance.mjs`.
 *
 *   npx tsx --conditions=@lathe/source bench/passes-conformance.ts
 *
 * Four changes per model: simplified; simplified with all inputs but the first made constant; simplified with all inputs constant;
 * converted step by step to every later operator set of a list. "refused" are conversions that are refused by name, "no kernel" ones
 * to versions that ONNX Runtime does not have. Prints a table and writes bench/results/passes-conformance.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { convertOpset, encodeModel, evaluateWith, inferShapes, isLatheError, MAX_OPSET, printModel, simplifyModel, type Feeds, type Model, type Tensor } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { casesOf, conformanceHome, readInputs, readModel, suites, type OnnxCase } from "../packages/core/test/support/onnx-cases.ts";

type Change = "simplified" | "simplified, weights constant" | "simplified, all constant" | "converted";
type Verdict = "same" | "unchanged" | "differs" | "refused" | "no kernel" | "not run";

const changes: readonly Change[] = ["simplified", "simplified, weights constant", "simplified, all constant", "converted"];
const targets = [11, 13, 18, 21, 24, MAX_OPSET];
const runtime = ortRuntime({ onWarning: () => {} });
const evaluate = evaluateWith(runtime);

async function run(model: Model, feeds: Feeds): Promise<Record<string, Tensor>> {
  const session = await runtime.load(encodeModel(model), { optimization: "disabled", threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}

/** Gives inputs from `from` on their stored value as a constant; the rest is what to feed. */
function prepare(c: OnnxCase, model: Model, from: number): Feeds | undefined {
  const tensors = readInputs(c, model);
  const feeds: Record<string, Tensor> = {};
  const inputs = [...model.graph.inputs];
  for (const [i, input] of inputs.entries()) {
    const tensor = tensors[i];
    if (!tensor && !input.tensor) return undefined;
    if (!tensor) continue;
    // Some old cases store bfloat16 under another name.
    if (tensor.dtype !== input.dtype) return undefined;
    if (i < from) feeds[input.name] = tensor;
    else {
      input.tensor = tensor;
      model.graph.freezeInput(input);
      model.irVersion = Math.max(4, model.irVersion);
    }
  }
  return feeds;
}

async function apply(change: Change, model: Model): Promise<void> {
  if (change !== "converted") {
    await simplifyModel(model, {}, { verifyBetween: true, evaluate });
    return;
  }
  for (const target of targets) {
    if (model.opset === 0 || model.opset >= target) continue;
    inferShapes(model);
    convertOpset(model, target);
  }
}

async function judge(c: OnnxCase, change: Change): Promise<{ verdict: Verdict; reason: string }> {
  const original = readModel(`${c.folder}/model.onnx`);
  const feeds = original.opset > MAX_OPSET ? undefined : prepare(c, original, change === "simplified, all constant" ? 0 : change === "simplified, weights constant" ? 1 : Infinity);
  const expected = feeds && (await run(original, feeds).catch(() => undefined));
  if (!feeds || !expected) return { verdict: "not run", reason: "" };
  const model = original.clone();
  try {
    await apply(change, model);
  } catch (error) {
    if (isLatheError(error, "OPSET_CANNOT_CONVERT")) return { verdict: "refused", reason: error.message };
    throw error;
  }
  if (printModel(model) === printModel(original)) return { verdict: "unchanged", reason: "" };
  const received = await run(model, feeds).catch((error: unknown) => String(error));
  if (typeof received === "string") return { verdict: /find an implementation|NOT_IMPLEMENTED/.test(received) ? "no kernel" : "differs", reason: received.slice(0, 300) };
  const wrong = Object.entries(expected).map(([name, tensor]) => difference(name, tensor, received[name])).find((reason) => reason !== "");
  return { verdict: wrong === undefined ? "same" : "differs", reason: wrong ?? "" };
}

const tolerances: Partial<Record<Tensor["dtype"], number>> = { float16: 2e-3, bfloat16: 2e-2 };

/** What differs between two tensors; an empty text when they agree. */
function difference(name: string, a: Tensor, b: Tensor | undefined): string {
  if (!b || a.dtype !== b.dtype || a.dims.join() !== b.dims.join()) return `${name}: ${a.dtype}[${a.dims.join()}] became ${b ? `${b.dtype}[${b.dims.join()}]` : "absent"}`;
  if (a.dtype === "string") return a.strings().join("\0") === b.strings().join("\0") ? "" : `${name}: other strings`;
  const [x, y] = [a.toFloat64(), b.toFloat64()];
  const scale = x.reduce((top, v) => (Number.isFinite(v) ? Math.max(top, Math.abs(v)) : top), 1e-3);
  const worst = x.reduce((most, v, i) => (Object.is(v, y[i]) || v === y[i] ? most : Math.max(most, Number.isFinite(v) && Number.isFinite(y[i]!) ? Math.abs(v - y[i]!) / scale : Infinity)), 0);
  return worst <= (tolerances[a.dtype] ?? 1e-5) ? "" : `${name}: relative error ${worst}`;
}

if (suites.length === 0) {
  console.error(`No cases in ${conformanceHome}: run node scripts/fetch-conformance.mjs first.`);
  process.exit(1);
}
const verdicts: readonly Verdict[] = ["same", "unchanged", "differs", "refused", "no kernel", "not run"];
const results: Record<string, unknown>[] = [];
for (const suite of suites) {
  for (const change of changes) {
    const outcomes: ({ name: string } & Awaited<ReturnType<typeof judge>>)[] = [];
    for (const c of casesOf(suite)) outcomes.push({ name: c.name, ...(await judge(c, change).catch((error: unknown) => ({ verdict: "differs" as const, reason: `threw ${String(error).slice(0, 300)}` }))) });
    const counts = Object.fromEntries(verdicts.map((v) => [v, outcomes.filter((o) => o.verdict === v).length]));
    for (const o of outcomes) if (o.verdict === "differs") console.log(`${change} ${o.name}: ${o.reason}`);
    results.push({ suite: relative(conformanceHome, suite), change, ...counts, others: outcomes.filter((o) => ["differs", "refused", "no kernel"].includes(o.verdict)) });
  }
}
await evaluate.dispose();
console.table(results, ["suite", "change", ...verdicts]);
mkdirSync(fileURLToPath(new URL("results", import.meta.url)), { recursive: true });
writeFileSync(fileURLToPath(new URL("results/passes-conformance.json", import.meta.url)), `${JSON.stringify(results, null, 1)}\n`);
