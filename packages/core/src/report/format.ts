/** Numbers as people read them. */

const minus = (text: string): string => text.replace("-", "−");

/** Digits in groups of three: "6,091,392". */
export const integer = (n: number): string => minus(Math.round(n).toLocaleString("en-US"));

/** Three significant digits, without trailing zeros: "0.00123", "12.3", "1,230". */
export function decimal(n: number): string {
  if (!Number.isFinite(n)) return Number.isNaN(n) ? "not a number" : n > 0 ? "infinite" : "−infinite";
  if (n !== 0 && (Math.abs(n) < 1e-4 || Math.abs(n) >= 1e15)) return minus(n.toExponential(2));
  return Math.abs(n) >= 1000 ? integer(n) : minus(String(Number(n.toPrecision(3))));
}

/** Decimal units: "161 kB", "10.8 MB". */
export const bytes = (n: number): string => scaled(n, ["B", "kB", "MB", "GB", "TB"]);

/** "6.09 M", "1.65 G"; below 1000 the number itself. */
export const amount = (n: number): string => scaled(n, ["", "k", "M", "G", "T", "P"]).trim();

function scaled(n: number, units: readonly string[]): string {
  let unit = 0;
  let value = n;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? integer(value) : minus(value.toPrecision(3))} ${units[unit]}`;
}

/** "0.420 ms", "12.3 ms", "4.20 s", "2 min 5 s". */
export function duration(ms: number): string {
  if (ms < 999.5) return `${ms === 0 ? 0 : ms.toPrecision(3)} ms`;
  if (ms < 99_500) return `${(ms / 1000).toPrecision(3)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** "12.3 %". */
export const percent = (share: number): string => `${minus((share * 100).toFixed(1))} %`;

/** How a figure changed: "−74.0 %", "+3.1 %", "same". */
export function change(before: number, after: number): string {
  if (before === after) return "same";
  if (before === 0) return "new";
  const share = after / before - 1;
  return signed(share, percent(share));
}

/** How a share changed, in percentage points: "+57.9 points". */
export function pointsChange(before: number, after: number): string {
  return before === after ? "same" : signed(after - before, `${minus(((after - before) * 100).toFixed(1))} points`);
}

/** A plus sign for growth; a change too small for the digits shown is not given as zero. */
const signed = (share: number, text: string): string => (/^−?0\.0 /.test(text) ? "about the same" : `${share > 0 ? "+" : ""}${text}`);
