/** Writes the measured table of docs/packages/distill.md from bench/results/distill-fashion.json: `npx tsx bench/distill-docs.ts`. */
import { readFileSync, writeFileSync } from "node:fs";

interface Results {
  readonly images: number;
  readonly epochs: number;
  readonly seeds: number;
  readonly rows: readonly { readonly student: string; readonly way: string; readonly accuracy: number; readonly parameters: number; readonly macs: number }[];
}

const page = new URL("../docs/packages/distill.md", import.meta.url);
const { images, epochs, seeds, rows } = JSON.parse(readFileSync(new URL("results/distill-fashion.json", import.meta.url), "utf8")) as Results;
const cells = rows.map((r) => `| ${r.student} | ${r.way} | ${(100 * r.accuracy).toFixed(2)} % | ${r.parameters.toLocaleString("en")} | ${(r.macs / 1e6).toFixed(2)} M |`);
const table = [
  "<!-- begin fashion -->",
  `Fashion-MNIST, ${images.toLocaleString("en")} training images, ${epochs} epochs, ${seeds} seed${seeds === 1 ? "" : "s"}, all 10,000 test images (\`bench/distill-fashion.ts\`):`,
  "",
  "| network | taught by | accuracy | parameters | MACs |",
  "| --- | --- | --- | --- | --- |",
  ...cells,
  "<!-- end fashion -->",
];
writeFileSync(page, readFileSync(page, "utf8").replace(/<!-- begin fashion -->[\s\S]*?<!-- end fashion -->/, table.join("\n")));
