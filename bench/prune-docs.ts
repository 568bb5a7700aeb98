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
  readonly rows: readonly { network: string; variant: string; accuracy: number; parameters: number; macs: number; gzipBytes: number; speedup?: number; speedup8?: number }[];
}
const share = (x: number): string => `${(x * 100).toFixed(2)} %`;
const times = (x: number | undefined): string => (x === undefined ? "" : x.toFixed(2));
const millions = (x: number): string => `${(x / 1e6).toFixed(1)} M`;
const fashion = table(
  ["network", "variant", "accuracy", "parameters", "MACs", "gzip", "times as fast, one image", "eight images"],
  json<Fashion>("bench/results/prune-fashion.json").rows.map((r) => [r.network, r.variant, share(r.accuracy), r.parameters.toLocaleString("en"), millions(r.macs), `${Math.round(r.gzipBytes / 1000)} kB`, times(r.speedup), times(r.speedup8)]),
);

interface Beside {
  readonly rows: readonly {
    ratio: number; scope: string; torchPruning: { accuracy: number; batchNorm: number; macs: number };
    lathe: { cut: { accuracy: number; macs: number }; batchNorm: number; refit: number };
  }[];
}
const beside = table(
  ["channels cut", "ranking", "MACs: Torch-Pruning", "Lathe", "cut: Torch-Pruning", "Lathe", "statistics measured again: Torch-Pruning*", "Lathe", "refit: Lathe"],
  json<Beside>("bench/results/prune-peer.json").rows.filter((r) => r.ratio > 0).map(({ ratio, scope, torchPruning: t, lathe: l }) => [
    percent(ratio), scope === "group" ? "the same share everywhere" : "one for all groups", millions(t.macs), millions(l.cut.macs), share(t.accuracy), share(l.cut.accuracy), share(t.batchNorm), share(l.batchNorm), share(l.refit),
  ]),
);

interface Lines {
  readonly rows: readonly { variant: string; parameters: number; macs: number; errorRate: number; exact: number; speedup?: number }[];
}
const ocr = table(
  ["variant", "parameters", "MACs (320 wide)", "character error rate", "lines read exactly", "times as fast"],
  json<Lines>("bench/results/prune-ocr.json").rows.map((r) => [r.variant, r.parameters.toLocaleString("en"), millions(r.macs), share(r.errorRate), `${Math.round(r.exact * 100)} %`, times(r.speedup)]),
);

interface Rounded {
  readonly rows: readonly { network: string; wanted: number; roundTo: number; macs?: number; accuracy?: number; speedup?: number; speedup8?: number }[];
}
const rounded = table(
  ["network", "MACs cut, wanted", "multiples of", "MACs left", "accuracy after refit", "times as fast, one image", "eight images"],
  json<Rounded>("bench/results/prune-round.json").rows.map((r) => [r.network, percent(r.wanted), String(r.roundTo), percent(r.macs), r.accuracy === undefined ? "out of reach" : share(r.accuracy), times(r.speedup), times(r.speedup8)]),
);

const page = at("docs/packages/prune.md");
const fill = (text: string, name: string, content: string): string => text.replace(new RegExp(`<!-- ${name} -->(?:[\\s\\S]*?<!-- /${name} -->)?`), () => `<!-- ${name} -->\n${content}\n<!-- /${name} -->`);
const parts: Readonly<Record<string, string>> = { coverage, fashion, beside, ocr, rounded };
writeFileSync(page, Object.entries(parts).reduce((text, [name, content]) => fill(text, name, content), readFileSync(page, "utf8")));
