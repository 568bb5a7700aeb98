/** Two kinds of chart as inline SVG. Colours come from the page's CSS variables, so that they follow light and dark. */
import type { Curve } from "./data.ts";
import { decimal } from "./format.ts";
import { escapeHtml } from "./html-table.ts";
import type { BarChart } from "./sections.ts";

const WIDTH = 860;
const LABEL = 300;
const VALUE = 90;
const BAR = 14;
const GAP = 9;

/** Horizontal bars with their values at the end; long labels are cut, the whole text is in the tooltip. */
export function barChart({ title, series, groups, format }: BarChart): string {
  const max = Math.max(...groups.flatMap((g) => g.values.map((v) => v ?? 0)), Number.MIN_VALUE);
  const room = WIDTH - LABEL - VALUE;
  const top = series.length > 1 ? 26 : 4;
  const pitch = series.length * BAR + GAP;
  const height = top + groups.length * pitch;
  const bars = groups.flatMap(({ label, values }, g) => {
    const y = top + g * pitch;
    const text = `<text x="${LABEL - 10}" y="${round(y + (series.length * BAR) / 2 + 4)}" text-anchor="end">${tooltip(label)}${escapeHtml(shortened(label, 44))}</text>`;
    const marks = values.map((value, s) => {
      if (value === undefined) return "";
      const width = Math.max(1, (value / max) * room);
      const at = y + s * BAR;
      const said = `${label}${series.length > 1 ? `, ${series[s]}` : ""}: ${format(value)}`;
      const bar = `<rect class="s${colorOf(series, s)}" x="${LABEL}" y="${at}" width="${round(width)}" height="${BAR - 3}" rx="2">${tooltip(said)}</rect>`;
      return `${bar}<text class="value" x="${round(LABEL + width + 6)}" y="${at + BAR - 4}">${escapeHtml(format(value))}</text>`;
    });
    return [text, ...marks];
  });
  return figure(title, `${groups.length} bars. Largest: ${format(max)}.`, height, [...legend(series), ...bars]);
}

/** A single series has the strong colour, like "after". */
const colorOf = (series: readonly string[], index: number): number => (series.length === 1 ? 1 : index);

function legend(series: readonly string[]): string[] {
  if (series.length < 2) return [];
  return series.map((name, s) => `<rect class="s${s}" x="${LABEL + s * 110}" y="4" width="11" height="11" rx="2"/><text x="${LABEL + s * 110 + 17}" y="14">${escapeHtml(name)}</text>`);
}

const PLOT = { left: 70, right: 20, top: 30, bottom: 44, height: 280 };

/** Lines over a common horizontal axis. Values that are not finite interrupt their line. */
export function lineChart({ title, x, y, series }: Curve): string {
  const points = series.flatMap((s) => s.points).filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b));
  if (points.length === 0) return "";
  const [x0, x1] = span(points.map(([a]) => a));
  const [y0, y1] = span(points.map(([, b]) => b));
  const across = (v: number): number => round(PLOT.left + ((v - x0) / (x1 - x0)) * (WIDTH - PLOT.left - PLOT.right));
  const up = (v: number): number => round(PLOT.height - PLOT.bottom - ((v - y0) / (y1 - y0)) * (PLOT.height - PLOT.top - PLOT.bottom));
  const grid = ticks(y0, y1).map((v) => `<line class="grid" x1="${PLOT.left}" x2="${WIDTH - PLOT.right}" y1="${up(v)}" y2="${up(v)}"/><text class="value" x="${PLOT.left - 8}" y="${up(v) + 4}" text-anchor="end">${decimal(v)}</text>`);
  const marks = ticks(x0, x1).map((v) => `<text class="value" x="${across(v)}" y="${PLOT.height - PLOT.bottom + 18}" text-anchor="middle">${decimal(v)}</text>`);
  const lines = series.map(({ name, points: own }, s) => `<path class="line l${colorOfLine(s)}" d="${pathOf(own, across, up)}">${tooltip(name)}</path>`);
  const names = series.map(({ name }, s) => `<rect class="f${colorOfLine(s)}" x="${PLOT.left + s * 130}" y="4" width="11" height="11" rx="2"/><text x="${PLOT.left + s * 130 + 17}" y="14">${escapeHtml(shortened(name, 16))}</text>`);
  const axes = `<text class="value" x="${(WIDTH + PLOT.left) / 2}" y="${PLOT.height - 8}" text-anchor="middle">${escapeHtml(x)}</text>`;
  return figure(`${title} (${y} by ${x})`, series.map(({ name, points: p }) => `${name}: from ${decimal(p[0]?.[1] ?? NaN)} to ${decimal(p.at(-1)?.[1] ?? NaN)}`).join("; "), PLOT.height, [...names, ...grid, ...marks, ...lines, axes]);
}

/** The grey that stands for "before" comes last. */
const colorOfLine = (index: number): number => (index + 1) % 6;

function pathOf(points: readonly (readonly [number, number])[], across: (v: number) => number, up: (v: number) => number): string {
  let pen = "M";
  let path = "";
  for (const [a, b] of points) {
    if (Number.isFinite(a) && Number.isFinite(b)) {
      path += `${pen}${across(a)} ${up(b)}`;
      pen = "L";
    } else pen = "M";
  }
  return path;
}

/** Lowest and highest value, never equal. */
function span(values: readonly number[]): readonly [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const v of values) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** Round numbers (1, 2 or 5 times a power of ten apart) within the span, about five of them. */
export function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** An accessible figure: title and description are read out. */
function figure(title: string, description: string, height: number, content: readonly string[]): string {
  const label = escapeHtml(`${title}. ${description}`);
  return `<figure><figcaption>${escapeHtml(title)}</figcaption><svg role="img" aria-label="${label}" viewBox="0 0 ${WIDTH} ${Math.ceil(height)}">${content.join("")}</svg></figure>`;
}

const tooltip = (text: string): string => `<title>${escapeHtml(text)}</title>`;
const round = (n: number): number => Math.round(n * 10) / 10;

/** Cut in the middle: the beginning and the end of a layer's name both tell something. */
function shortened(text: string, length: number): string {
  const chars = [...text];
  if (chars.length <= length) return text;
  const tail = Math.floor(length * 0.6);
  return `${chars.slice(0, length - tail - 1).join("")}…${chars.slice(-tail).join("")}`;
}
