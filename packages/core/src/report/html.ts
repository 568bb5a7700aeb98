/** Reports as one HTML file without anything from outside: styles and charts are inline, nothing is loaded, no script runs. */
import type { ReportData } from "./data.ts";
import { sectionsOf, type Block, type Section } from "./sections.ts";
import { style } from "./style.ts";
import { escapeHtml, tableHtml } from "./html-table.ts";
import { distributionFigure } from "./histogram-svg.ts";
import { barChart, lineChart } from "./svg.ts";

export function reportHtml(data: ReportData): string {
  const sections = sectionsOf(data);
  const links = sections.map((s, i) => `<a href="#s${i}">${escapeHtml(s.title)}</a>`).join("");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(data.title)}</title>
<style>body{margin:0}
${style}</style>
</head>
<body class="lathe">
<main>
<h1>${escapeHtml(data.title)}</h1>
<nav aria-label="Sections">${links}</nav>
${sections.map(sectionHtml).join("\n")}
</main>
</body>
</html>
`;
}

/** The sections alone with their styles, for a notebook cell. */
export const reportFragment = (data: ReportData): string =>
  `<div class="lathe"><style>${style}</style><h1>${escapeHtml(data.title)}</h1>${sectionsOf(data).map(sectionHtml).join("")}</div>`;

const sectionHtml = ({ title, blocks }: Section, index: number): string => `<section id="s${index}"><h2>${escapeHtml(title)}</h2>${blocks.map(blockHtml).join("\n")}</section>`;

function blockHtml(block: Block): string {
  switch (block.kind) {
    case "table": return tableHtml(block.table);
    case "figures": return `<div class="figures">${block.figures.map((f) => `<div><span>${escapeHtml(f.label)}</span><b>${escapeHtml(f.value)}</b><span>${escapeHtml(f.note)}</span></div>`).join("")}</div>`;
    case "note": return `<p class="${block.tone}">${escapeHtml(block.text)}</p>`;
    case "bars": return barChart(block.chart);
    case "distributions": return `<div class="pictures">${block.pictures.map(distributionFigure).join("")}</div>`;
    case "lines": return lineChart(block.curve);
    case "folded": {
      const inner = block.table ? tableHtml(block.table) : `<pre>${escapeHtml(JSON.stringify(block.json, undefined, 2) ?? "")}</pre>`;
      return `<details><summary>${escapeHtml(block.title)}</summary>${inner}</details>`;
    }
  }
}
