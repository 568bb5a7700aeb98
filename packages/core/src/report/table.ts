/** A table before it is drawn: all cells are text. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

export interface Column {
  readonly title: string;
  /** Numbers stand right. */
  readonly right?: boolean;
}

export const column = (title: string): Column => ({ title });
export const numbers = (title: string): Column => ({ title, right: true });

/** Columns of width as needed, two blanks between, a rule under the heads. */
export function textTable({ columns, rows }: Table): string[] {
  const widths = columns.map((c, i) => Math.max(textWidth(c.title), ...rows.map((row) => textWidth(row[i] ?? ""))));
  const line = (cells: readonly string[]): string => cells.map((cell, i) => padded(cell, widths[i]!, columns[i]?.right ?? false)).join("  ").trimEnd();
  return [line(columns.map((c) => c.title)), widths.map((w) => "─".repeat(w)).join("  "), ...rows.map(line)];
}

export function markdownTable({ columns, rows }: Table): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(" | ")} |`;
  return [line(columns.map((c) => c.title)), `| ${columns.map((c) => (c.right ? "---:" : "---")).join(" | ")} |`, ...rows.map(line)];
}

export const escapeMarkdown = (text: string): string => text.replace(/[\\`*_[\]<>|]/g, "\\$&").replace(/\r?\n/g, " ");

function padded(text: string, width: number, right: boolean): string {
  const fill = " ".repeat(Math.max(0, width - textWidth(text)));
  return right ? fill + text : text + fill;
}

/** Terminal cells that a text takes: East Asian wide characters and emoji take two, combining marks none. */
export function textWidth(text: string): number {
  let width = 0;
  for (const char of text) width += /\p{Mn}/u.test(char) ? 0 : /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(char) ? 2 : 1;
  return width;
}
