/** Puts the figures of the last `npm run demo` into the README: `npx tsx scripts/readme-table.ts`. */
import { readFileSync, writeFileSync } from "node:fs";

interface Summary {
  readonly machine: { readonly cpu: string; readonly loadBefore: number };
  readonly rows: readonly { readonly name: string; readonly bytesBefore: number; readonly bytesAfter: number; readonly msBefore: number; readonly msAfter: number; readonly speedup: number; readonly accuracy: string }[];
}

const readme = new URL("../README.md", import.meta.url);
const { machine, rows } = JSON.parse(readFileSync(new URL("../demo-output/summary.json", import.meta.url), "utf8")) as Summary;
const size = (bytes: number): string => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`);
const lines = [
  "<!-- demo-table: written by scripts/readme-table.ts -->",
  "| model, float32 → int8 | weights | time a run, 1 thread | accuracy |",
  "| --- | --- | --- | --- |",
  ...rows.map((r) => `| ${r.name} | ${size(r.bytesBefore)} → ${size(r.bytesAfter)} (${(r.bytesBefore / r.bytesAfter).toFixed(2)}x) | ${r.msBefore.toPrecision(3)} → ${r.msAfter.toPrecision(3)} ms (${r.speedup.toFixed(2)}x) | ${r.accuracy} |`),
  "",
  `Measured on ${machine.cpu}, machine load ${machine.loadBefore.toFixed(1)}; \`npm run demo\` prints them for yours.`,
  "<!-- /demo-table -->",
];
const text = readFileSync(readme, "utf8").replace(/<!-- demo-table[^>]*-->(?:[\s\S]*?<!-- \/demo-table -->)?/, lines.join("\n"));
writeFileSync(readme, text);
