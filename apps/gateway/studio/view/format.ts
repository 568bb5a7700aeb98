/** Numbers as people read them. */
const steps = ["", "k", "M", "G", "T", "P"] as const;

function short(value: number, base: number, digits: number): { text: string; step: number } {
  const step = value < base ? 0 : Math.min(steps.length - 1, Math.floor(Math.log(value) / Math.log(base)));
  const scaled = value / base ** step;
  return { text: step === 0 ? String(Math.round(value)) : scaled.toFixed(scaled >= 100 ? 0 : digits), step };
}

/** 170 kB: steps of a thousand, as disks and downloads are counted. */
export function bytes(value: number): string {
  const { text, step } = short(value, 1000, 1);
  return `${text} ${steps[step]}B`;
}

export function count(value: number): string {
  const { text, step } = short(value, 1000, 2);
  return `${text}${step === 0 ? "" : ` ${steps[step]}`}`;
}

export const exact = (value: number): string => value.toLocaleString("en");

export const percent = (share: number): string => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`);

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export const milliseconds = (ms: number): string => `${ms.toPrecision(3)} ms`;

/** What became of a figure: "3.6 times smaller". */
export function change(before: number, after: number, words: readonly [string, string] = ["less", "more"]): string {
  if (before === after) return "unchanged";
  if (before === 0 || after === 0) return after === 0 ? "gone" : "new";
  const ratio = before / after;
  if (Math.abs(ratio - 1) < 0.005) return "about the same";
  if (ratio > 0.67 && ratio < 1.5) return `${percent(Math.abs(after - before) / before)} ${after < before ? words[0] : words[1]}`;
  return ratio > 1 ? `${ratio.toFixed(1)} × ${words[0]}` : `${(1 / ratio).toFixed(1)} × ${words[1]}`;
}

export const when = (iso: string): string => new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
