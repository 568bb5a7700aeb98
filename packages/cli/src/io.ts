/** Where a command writes: results on stdout, progress and warnings on stderr, colours only for people. */
import pc from "picocolors";

export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly colors: ReturnType<typeof pc.createColors>;
  /** Redraw one progress line instead of writing many. */
  readonly live: boolean;
  /** Width of the terminal in columns. */
  readonly columns: number;
}

/** `NO_COLOR` and `FORCE_COLOR` are honoured (no-color.org). */
export function processIo(): Io {
  const { stdout, stderr } = process;
  const wanted = process.env["NO_COLOR"] ? false : process.env["FORCE_COLOR"] ? true : stdout.isTTY === true;
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(text),
    colors: pc.createColors(wanted),
    live: stderr.isTTY === true,
    columns: stderr.columns ?? 80,
  };
}

/** Indented JSON. Numbers that JSON lacks are text: "Infinity", "NaN". */
export const json = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => (typeof v === "number" && !Number.isFinite(v) ? String(v) : v), 2);

/** Rows as aligned columns; numbers to the right. */
export function table(rows: readonly (readonly string[])[], head?: readonly string[]): string {
  const all = head ? [head, ...rows] : rows;
  const widths = (all[0] ?? []).map((_, c) => Math.max(...all.map((row) => (row[c] ?? "").length)));
  const numeric = widths.map((_, c) => rows.length > 0 && rows.every((row) => /^[-+]?[\d.,]+( ?(%|x|ms|[kMG]?B|[kMG]))?$|^$|^-$/.test(row[c] ?? "")));
  const line = (row: readonly string[]): string => row.map((cell, c) => (numeric[c] ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!))).join("  ").trimEnd();
  const body = all.map(line);
  if (head) body.splice(1, 0, widths.map((w) => "-".repeat(w)).join("  "));
  return body.join("\n");
}

/** 1234567 -> "1.23 MB" (powers of 1000). */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const [value, unit] = count < 1e6 ? [count / 1e3, "kB"] : count < 1e9 ? [count / 1e6, "MB"] : [count / 1e9, "GB"];
  return `${value.toPrecision(3)} ${unit}`;
}

/** 1234567 -> "1.23 M". */
export function amount(count: number): string {
  if (count < 1000) return String(count);
  const [value, unit] = count < 1e6 ? [count / 1e3, "k"] : count < 1e9 ? [count / 1e6, "M"] : [count / 1e9, "G"];
  return `${value.toPrecision(3)} ${unit}`;
}

/** Milliseconds as "350 ms", "12.3 s" or "2 min 5 s". */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
