/** How the values of a tensor lie, and what a quantizer makes of them, as inline SVG. */
import type { Distribution } from "./data.ts";
import { decimal, percent } from "./format.ts";
import { escapeHtml } from "./html-table.ts";

const WIDTH = 400;
const HEIGHT = 96;
const FLOOR = 78;
/** Levels that are drawn one by one. */
const MOST_LEVELS = 32;

export function distributionFigure(picture: Distribution): string {
  const { low, high, range } = picture;
  const span = high - low || 1;
  const across = (v: number): number => Math.round(Math.min(1, Math.max(0, (v - low) / span)) * WIDTH * 10) / 10;
  const marks = range ? [...beyond(across(range.min), across(range.max)), ...levels(range, across)] : [];
  const title = escapeHtml(picture.title);
  const head = `<figcaption>${title}${picture.note === undefined ? "" : ` <span>${escapeHtml(picture.note)}</span>`}</figcaption>`;
  const axis = `<text class="value" x="0" y="${HEIGHT - 4}">${decimal(low)}</text><text class="value" x="${WIDTH}" y="${HEIGHT - 4}" text-anchor="end">${decimal(high)}</text>`;
  const bars = `<path class="f0" d="${outline(picture, across)}"/>`;
  return `<figure>${head}<svg role="img" aria-label="${escapeHtml(spoken(picture))}" viewBox="0 0 ${WIDTH} ${HEIGHT}">${bars}${marks.join("")}<line class="grid" x1="0" x2="${WIDTH}" y1="${FLOOR}" y2="${FLOOR}"/>${axis}</svg></figure>`;
}

/** What is drawn, in words. */
function spoken({ title, note, low, high, range, levels: count, clipped }: Distribution): string {
  const parts = [`${title}${note === undefined ? "" : `, ${note}`}: values from ${decimal(low)} to ${decimal(high)}`];
  if (range) parts.push(`quantized from ${decimal(range.min)} to ${decimal(range.max)}${count === undefined ? "" : ` in ${count} levels`}`);
  if (clipped !== undefined) parts.push(`${percent(clipped)} of the values are clipped`);
  return `${parts.join("; ")}. Heights are logarithmic.`;
}

/** Logarithmic: tails of a few values must be seen beside the many near zero. */
function outline({ counts, low, high }: Distribution, across: (v: number) => number): string {
  const top = Math.log1p(Math.max(...counts, 1));
  const step = (high - low) / counts.length;
  const points = counts.map((count, i) => {
    const y = Math.round((FLOOR - (Math.log1p(count) / top) * (FLOOR - 6)) * 10) / 10;
    return `V${y}H${across(low + (i + 1) * step)}`;
  });
  return `M0 ${FLOOR}${points.join("")}V${FLOOR}Z`;
}

function beyond(from: number, to: number): string[] {
  const shade = (x: number, width: number): string => (width <= 0 ? "" : `<rect class="beyond" x="${x}" y="0" width="${Math.round(width * 10) / 10}" height="${FLOOR}"/>`);
  const edge = (x: number): string => `<line class="edge" x1="${x}" x2="${x}" y1="0" y2="${FLOOR}"/>`;
  return [shade(0, from), shade(to, WIDTH - to), edge(from), edge(to)];
}

function levels({ min, max, step }: NonNullable<Distribution["range"]>, across: (v: number) => number): string[] {
  if (step === undefined || !(step > 0) || (max - min) / step > MOST_LEVELS) return [];
  const count = Math.round((max - min) / step);
  const ticks = Array.from({ length: count + 1 }, (_, i) => `M${across(min + i * step)} ${FLOOR}v6`);
  return [`<path class="edge" d="${ticks.join("")}"/>`];
}
