/**
 * Shape and type inference against the ONNX backend test suite: every case's declared types are removed, inferred again and
 * compared with the stored outputs. Needs the cases: `node scripts/fetch-conformance.mjs`.
 *
 *   npx tsx --conditions=@lathe/source bench/conformance.ts [--all]
 *
 * Two runs per suite: knowing only the input types, and knowing the input values as well (many cases feed shapes and axes as
 * inputs). Constants are not evaluated: only shape rules count. --all lists every case that is not equal.
 * Prints a table and writes bench/results/conformance.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { inferCase, type Knowledge, type Outcome, type Verdict } from "../packages/core/test/support/conformance.ts";
import { casesOf, conformanceHome, suites } from "../packages/core/test/support/onnx-cases.ts";

const verdicts: readonly Verdict[] = ["equal", "symbolic", "unknown", "wrong", "skipped"];
const all = process.argv.includes("--all");
if (suites.length === 0) {
  console.error(`No cases in ${conformanceHome}: run node scripts/fetch-conformance.mjs first.`);
  process.exit(1);
}

const results: Record<string, unknown>[] = [];
for (const suite of suites) {
  for (const knowledge of ["types", "values"] as readonly Knowledge[]) {
    const outcomes = casesOf(suite).map((c): Outcome & { kind: string } => {
      try {
        return { ...inferCase(c, knowledge), kind: c.kind };
      } catch (error) {
        return { name: c.name, kind: c.kind, verdict: "wrong", ops: [], reason: `threw ${String(error).slice(0, 200)}` };
      }
    });
    for (const kind of new Set(outcomes.map((o) => o.kind))) report(relative(conformanceHome, suite), kind, knowledge, outcomes.filter((o) => o.kind === kind));
  }
}
console.table(results, ["suite", "kind", "knowledge", "tried", ...verdicts, "equalPercent"]);

function report(suite: string, kind: string, knowledge: Knowledge, outcomes: readonly Outcome[]): void {
  const count = (v: Verdict): number => outcomes.filter((o) => o.verdict === v).length;
  const tried = outcomes.length - count("skipped");
  const others = outcomes.filter((o) => o.verdict === "wrong" || ((all || knowledge === "values") && o.verdict !== "equal" && o.verdict !== "skipped"));
  if (all || knowledge === "values") for (const o of others) console.log(`${knowledge} ${o.verdict.padEnd(8)} ${o.name} (${o.ops.join(" ")}): ${o.reason}`);
  results.push({
    suite, kind, knowledge, tried, ...Object.fromEntries(verdicts.map((v) => [v, count(v)])),
    equalPercent: Number(((100 * count("equal")) / Math.max(1, tried)).toFixed(2)),
    others: others.map(({ name, verdict, reason }) => ({ name, verdict, reason })),
  });
}

const out = fileURLToPath(new URL("results/conformance.json", import.meta.url));
mkdirSync(fileURLToPath(new URL("results", import.meta.url)), { recursive: true });
writeFileSync(out, `${JSON.stringify(results, null, 1)}\n`);
