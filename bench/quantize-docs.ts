/**
 * Writes the measured tables of docs/packages/quantize.md from bench/results/quantize-*.json.
 *   npx tsx --conditions=@lathe/source bench/quantize-docs.ts
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

type Row = Readonly<Record<string, string | number | undefined>>;

const page = fileURLToPath(new URL("../docs/packages/quantize.md", import.meta.url));
const results = (name: string): { rows: Row[] } & Row | undefined => {
  const path = fileURLToPath(new URL(`results/quantize-${name}.json`, import.meta.url));
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { rows: Row[] } & Row) : undefined;
};

function table(columns: readonly string[], rows: readonly Row[]): string {
  const cells = (row: Row): string => `| ${columns.map((c) => row[c] ?? "").join(" | ")} |`;
  return [`| ${columns.join(" | ")} |`, `| ${columns.map(() => "---").join(" | ")} |`, ...rows.map(cells)].join("\n");
}

const sections: Readonly<Record<string, () => string | undefined>> = {
  speed() {
    const found = results("speed");
    const columns = ["model", "float ms", "ours ms", "ours", "speedup", "best peer", "peer speedup", "vs peer"];
    return found && `**Speed of the result** (processor time of one thread, ${found.cpu}, models taking turns; \`bench/quantize-speed.ts\`). "ours" is the scheme that \`autoQuantize\` chose, "best peer" the fastest of seven settings of ONNX Runtime's Python tool, "vs peer" its time / ours.\n\n${table(columns, found.rows)}`;
  },
  accuracy() {
    const found = results("accuracy");
    const columns = ["model", "tool", "setting", "accuracy %", "points lost", "float nodes"];
    return found && `**Accuracy** on ${found.images} Fashion-MNIST test images, ${found.calibration} calibration images (\`bench/quantize-accuracy.ts\`).\n\n${table(columns, found.rows)}`;
  },
  tool() {
    const found = results("tool");
    const columns = ["model", "setting", "ours s", "peer s", "ratio", "cpu ratio", "ours MB", "peer MB"];
    return found && `**Time and memory of the tool**, whole process, ${found.samples} calibration samples (\`bench/quantize-tool.ts\`; load average of the machine ${found.load}). "ratio" is the Python tool's time / ours, "cpu ratio" the same of processor time. The tool's entropy method has a single candidate, ours searches a thousand.\n\n${table(columns, found.rows)}`;
  },
};

let text = readFileSync(page, "utf8");
for (const [name, make] of Object.entries(sections)) {
  const made = make();
  if (made) text = text.replace(new RegExp(`<!-- begin ${name} -->[\\s\\S]*?<!-- end ${name} -->`), `<!-- begin ${name} -->\n${made}\n<!-- end ${name} -->`);
}
writeFileSync(page, text);
