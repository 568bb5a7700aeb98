/** The one style sheet of reports, bound to the class `lathe` so that a notebook cell keeps to itself. Text has a contrast of at least 4.5 to 1. */

const light = "--page:#fff;--ink:#1c2430;--soft:#5a6675;--line:#dde3ea;--raised:#f5f7fa;--c0:#9aa7b5;--c1:#0f6fc5;--c2:#c2570c;--c3:#1a7f4b;--c4:#8a3ffc;--c5:#b3261e;--warn:#8a4b00;--warnpage:#fff5e5";
const dark = "--page:#11161d;--ink:#e4e9ef;--soft:#9fabb8;--line:#2a333e;--raised:#19202a;--c0:#5f6d7c;--c1:#5aa9f2;--c2:#f0924c;--c3:#58c48c;--c4:#b592ff;--c5:#f2827b;--warn:#ffc46b;--warnpage:#2b2213";

/** Selectors below the class, and declarations. */
const rules: readonly (readonly [selectors: string, declarations: string])[] = [
  ["main", "max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem"],
  ["h1", "font-size:1.7rem;line-height:1.2;margin:0 0 .75rem"],
  ["h2", "font-size:1.15rem;margin:2.5rem 0 .75rem;padding-top:.5rem;border-top:1px solid var(--line)"],
  ["nav", "display:flex;flex-wrap:wrap;gap:.25rem 1rem"],
  ["a,summary", "color:var(--c1)"],
  ["summary", "cursor:pointer"],
  [".scroll", "overflow-x:auto;margin:.75rem 0"],
  ["table", "border-collapse:collapse;font-variant-numeric:tabular-nums;min-width:50%"],
  ["th,td", "text-align:left;vertical-align:top;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line)"],
  ["th", "color:var(--soft);font-weight:600;font-size:.85rem"],
  ["th.r,td.r", "text-align:right;white-space:nowrap"],
  ["p", "margin:.5rem 0;max-width:48rem;overflow-wrap:anywhere"],
  [".warning", "color:var(--warn);background:var(--warnpage);padding:.4rem .7rem;border-radius:.3rem"],
  [".figures", "display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1rem 0"],
  [".figures div", "background:var(--raised);border-radius:.4rem;padding:.7rem .9rem"],
  [".figures b", "display:block;font-size:1.45rem;line-height:1.3"],
  [".figures span", "display:block;color:var(--soft);font-size:.85rem"],
  ["figure", "margin:1.5rem 0"],
  ["figcaption", "font-weight:600;margin-bottom:.4rem"],
  ["svg", "display:block;width:100%;height:auto;font:12px system-ui,sans-serif;fill:var(--ink)"],
  ["svg .value", "fill:var(--soft);font-size:11px"],
  ["svg .line", "fill:none;stroke-width:1.8;stroke-linejoin:round"],
  ["svg .grid", "stroke:var(--line)"],
  ...[0, 1, 2, 3, 4, 5].flatMap((i) => [[`svg .s${i},svg .f${i}`, `fill:var(--c${i})`], [`svg .l${i}`, `stroke:var(--c${i})`]] as const),
  [".pictures", "display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:.5rem 1.25rem;margin:1rem 0"],
  [".pictures figure", "margin:.5rem 0;min-width:0"],
  [".pictures figcaption", "font-size:.85rem;overflow-wrap:anywhere"],
  [".pictures figcaption span", "color:var(--soft);font-weight:400;white-space:nowrap"],
  ["svg .beyond", "fill:var(--c5);fill-opacity:.16"],
  ["svg .edge", "stroke:var(--c1);stroke-width:1.2;fill:none"],
  ["details", "margin:.4rem 0"],
  ["pre", "background:var(--raised);padding:.75rem;border-radius:.3rem;overflow:auto;font-size:.8rem;max-height:30rem"],
];

const scoped = (selectors: string): string => selectors.split(",").map((s) => `.lathe ${s}`).join(",");

export const style = [
  `.lathe{color-scheme:light dark;${light};background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}`,
  `@media(prefers-color-scheme:dark){.lathe{${dark}}}`,
  ...rules.map(([selectors, declarations]) => `${scoped(selectors)}{${declarations}}`),
  "@media print{.lathe details{display:none}.lathe main{max-width:none}}",
].join("\n");
