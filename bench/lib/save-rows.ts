/** Results of benches that measure some models at a time: rows that are not measured anew are kept. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

type Row = Readonly<Record<string, unknown>>;

/** Writes bench/results/<name>.json. Rows with equal keys replace those of an earlier run. */
export function saveRows(name: string, facts: Row, rows: readonly Row[], key: (row: Row) => string): void {
  const path = fileURLToPath(new URL(`../results/${name}.json`, import.meta.url));
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { rows: Row[] }).rows : [];
  const fresh = new Map(rows.map((row) => [key(row), row]));
  const kept = before.map((row) => fresh.get(key(row)) ?? row);
  const all = [...kept, ...rows.filter((row) => !kept.includes(row))];
  mkdirSync(fileURLToPath(new URL("../results/", import.meta.url)), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ ...facts, rows: all }, null, 1)}\n`);
}
