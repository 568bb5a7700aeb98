/** Prints docs/reference/errors.md from the error catalogues of all packages: `npx tsx --conditions=@lathe/source scripts/docs-errors.ts > docs/reference/errors.md`. */
import type { CatalogueRow } from "@lathe/core";

const packages = ["core", "core/node", "ort", "quantize", "train", "prune", "testkit", "cli"];

const isCatalogue = (value: unknown): value is { readonly $rows: readonly CatalogueRow[] } =>
  typeof value === "object" && value !== null && Array.isArray((value as { $rows?: unknown }).$rows);

const lines = ["# Errors", "", "Every error that Lathe throws on purpose has one of these codes in `error.code`; codes do not change. The message names the node, tensor or option; the remedy follows.", ""];
const seen = new Set<string>();
for (const name of packages) {
  const module = (await import(`@lathe/${name}`)) as Record<string, unknown>;
  const rows = Object.values(module).filter(isCatalogue).flatMap((catalogue) => catalogue.$rows).filter((row) => !seen.has(row.code));
  for (const row of rows) seen.add(row.code);
  if (rows.length === 0) continue;
  lines.push(`## @lathe/${name}`, "", "| code | remedy |", "| --- | --- |");
  for (const row of rows.toSorted((a, b) => a.code.localeCompare(b.code))) lines.push(`| \`${row.code}\` | ${row.remedy.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("{", "&#123;")} |`);
  lines.push("");
}
console.log(lines.join("\n"));
