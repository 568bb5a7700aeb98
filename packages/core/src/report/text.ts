/** Reports as plain text and as markdown. */
import type { Curve, ReportData } from "./data.ts";
import { sectionsOf, type Block } from "./sections.ts";
import { escapeMarkdown, markdownTable, textTable, type Table } from "./table.ts";

export interface TextOptions {
  /** ANSI colours; default false. Hosts decide: a terminal, and no NO_COLOR in the environment. */
  readonly color?: boolean | undefined;
}

export function reportText(data: ReportData, { color = false }: TextOptions = {}): string {
  const paint = (code: number, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const block = (b: Block): string[] => {
    if (b.kind === "table") return [...textTable(b.table), ""];
    if (b.kind === "note") return [b.tone === "warning" ? paint(33, `! ${b.text}`) : b.text];
    if (b.kind !== "lines") return [];
    return [...textTable(lastPoints(b.curve)), ""];
  };
  const lines = [paint(1, data.title), ""];
  for (const { title, blocks } of sectionsOf(data)) lines.push(paint(1, title.toUpperCase()), ...blocks.flatMap(block), "");
  return `${lines.join("\n").replace(/\n{3,}/g, "\n\n").trimEnd()}\n`;
}

export function reportMarkdown(data: ReportData): string {
  const block = (b: Block): string[] => {
    if (b.kind === "table") return [...markdownTable(b.table), ""];
    if (b.kind === "note") return [b.tone === "warning" ? `> ⚠️ ${escapeMarkdown(b.text)}` : escapeMarkdown(b.text), ""];
    return b.kind === "lines" ? [...markdownTable(lastPoints(b.curve)), ""] : [];
  };
  const lines = [`# ${escapeMarkdown(data.title)}`, ""];
  for (const { title, blocks } of sectionsOf(data)) lines.push(`## ${escapeMarkdown(title)}`, "", ...blocks.flatMap(block));
  return `${lines.join("\n").trimEnd()}\n`;
}

/** Where a chart cannot be drawn: first and last value of each line. */
function lastPoints({ title, x, y, series }: Curve): Table {
  return {
    columns: [{ title }, { title: `first ${y}`, right: true }, { title: `last ${y}`, right: true }, { title: `last ${x}`, right: true }],
    rows: series.map(({ name, points }) => [name, decimal(points[0]?.[1]), decimal(points.at(-1)?.[1]), decimal(points.at(-1)?.[0])]),
  };
}

const decimal = (n: number | undefined): string => (n === undefined ? "" : String(Number(n.toPrecision(4))));
