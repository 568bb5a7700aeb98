import type { Table } from "./table.ts";

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

export function tableHtml({ columns, rows }: Table): string {
  const side = (i: number): string => (columns[i]?.right ? ' class="r"' : "");
  const head = columns.map((c, i) => `<th scope="col"${side(i)}>${escapeHtml(c.title)}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell, i) => `<td${side(i)}>${escapeHtml(cell)}</td>`).join("")}</tr>`).join("");
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}
