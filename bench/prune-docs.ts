/** Writes the measured tables of docs/packages/prune.md from bench/results: npx tsx bench/prune-docs.ts */
import { readFileSync, writeFileSync } from "node:fs";

const at = (path: string): URL => new URL(`../${path}`, import.meta.url);
const json = <T>(path: string): T => JSON.parse(readFileSync(at(path), "utf8")) as T;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
const percent = (x: number | undefined): string => (x === undefined ? "" : `${(x * 100).toFixed(1)} %`);

interface Coverage {
  readonly summary: Readonly<Record<"models" | "pruned" | "proven" | "refused" | "wrong", number>>;
  readonly rows: readonly { model: string; ratio: number; verdict: string; groups?: number; exactGroups?: number; parameters?: number; macs?: number; difference?: number }[];
}
const { summary, rows } = json<Coverage>("bench/results/prune-coverage.json");
const models = [...new Set(rows.map((r) => r.model))];
const coverage = `${summary.models} models: ${summary.proven} proven, ${summary.pruned - summary.proven} run, ${summary.refused} refused by name, ${summary.wrong} wrong.\n\n${table(
  ["model", "groups (exact)", "parameters gone at 30 %", "at 60 %", "largest relative difference from the zeroed original"],
  models.map((model) => {
    const [a, b] = [0.3, 0.6].map((ratio) => rows.find((r) => r.model === model && r.ratio === ratio)!);
    const worst = Math.max(a!.difference ?? 0, b!.difference ?? 0);
    return [model, a!.groups === undefined ? a!.verdict : `${a!.groups} (${a!.exactGroups})`, percent(a!.parameters), percent(b!.parameters), a!.groups === undefined ? "" : worst.toExponential(0)];
  }),
)}`;

interface Fashion {
  readonly rows: readonly { network: string; variant: string; accuracy: number; parameters: number; macs: number; gzipBytes?: number; speedup?: number }[];
}
const fashion = table(
  ["network", "variant", "accuracy", "parameters", "MACs", "gzip", "times as fast (processor time, one thread)"],
  json<Fashion>("bench/results/prune-fashion.json").rows.map((r) => [r.network, r.variant, `${(r.accuracy * 100).toFixed(2)} %`, r.parameters.toLocaleString("en"), `${(r.macs / 1e6).toFixed(1)} M`, r.gzipBytes === undefined ? "" : `${Math.round(r.gzipBytes / 1000)} kB`, r.speedup === undefined ? "" : r.speedup.toFixed(2)]),
);

const page = at("docs/packages/prune.md");
const fill = (text: string, name: string, content: string): string => text.replace(new RegExp(`<!-- ${name} -->(?:[\\s\\S]*?<!-- /${name} -->)?`), () => `<!-- ${name} -->\n${content}\n<!-- /${name} -->`);
writeFileSync(page, fill(fill(readFileSync(page, "utf8"), "coverage", coverage), "fashion", fashion));
