/** The text of docs/reference/errors.md, from the error catalogues that the packages export. */
import type { CatalogueRow } from "@lathe/core";

const packages = ["core", "core/node", "ort", "quantize", "train", "distill", "prune", "trt", "testkit", "cli", "gateway"];

const head = [
  "# Errors",
  "",
  "Every error that Lathe throws on purpose has one of these codes in `error.code`; codes do not change. The message names the node, tensor or option; the remedy follows.",
  "",
  "Printed from the catalogues by `scripts/docs-errors.ts`.",
  "",
];

const isCatalogue = (value: unknown): value is { readonly $rows: readonly CatalogueRow[] } =>
  typeof value === "object" && value !== null && Array.isArray((value as { $rows?: unknown }).$rows);

/** Vue reads braces and tags in markdown as its own. */
const escaped = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("{", "&#123;");

export async function errorPage(): Promise<string> {
  const lines = [...head];
  const seen = new Set<string>();
  for (const name of packages) {
    const module = (await import(`@lathe/${name}`)) as Record<string, unknown>;
    const rows = Object.values(module).filter(isCatalogue).flatMap((catalogue) => catalogue.$rows).filter((row) => !seen.has(row.code));
    for (const row of rows) seen.add(row.code);
    if (rows.length === 0) continue;
    const sorted = rows.toSorted((a, b) => (a.code < b.code ? -1 : 1));
    lines.push(`## @lathe/${name}`, "", "| code | remedy |", "| --- | --- |", ...sorted.map((row) => `| \`${row.code}\` | ${escaped(row.remedy)} |`), "");
  }
  return lines.join("\n");
}
