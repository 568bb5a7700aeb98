/** Charts in SVG. Each has its figures beside it in text or in a table. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Count } from "../api/types.ts";
import { percent } from "./format.ts";

interface Row extends Count {
  /** Second column: operator of a layer. */
  readonly detail?: string;
}

interface BarTableProps {
  readonly caption: string;
  readonly columns: readonly [name: string, value: string] | readonly [name: string, detail: string, value: string];
  readonly rows: readonly Row[];
  /** Rows that are shown before the user asks for all. */
  readonly most?: number;
  format(value: number): string;
}

/** A table whose last column shows the values as bars. */
export function BarTable({ caption, columns, rows, most = 10, format }: BarTableProps): JSX.Element {
  const [all, setAll] = useState(false);
  const largest = Math.max(1, ...rows.map((row) => row.value));
  const shown = all ? rows : rows.slice(0, most);
  return (
    <div class="bar-table">
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((name, i) => <th key={name} scope="col" class={i === columns.length - 1 ? "number" : ""}>{name}</th>)}
            <td class="bar" />
          </tr>
        </thead>
        <tbody>
          {shown.map((row, i) => (
            <tr key={`${i} ${row.name}`}>
              <th scope="row">{row.name}</th>
              {columns.length === 3 && <td class="detail">{row.detail}</td>}
              <td class="number">{format(row.value)}</td>
              <td class="bar"><Bar share={row.value / largest} /></td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > most && <button type="button" class="quiet" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "Show fewer" : `Show all ${rows.length}`}</button>}
    </div>
  );
}

export const Bar = ({ share, kind = "main" }: { share: number; kind?: "main" | "muted" }): JSX.Element => (
  <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
    <rect class={kind} width={Math.max(share > 0 ? 0.5 : 0, share * 100)} height={10} rx={0.6} />
  </svg>
);

/** The same data type has the same colour in every chart. */
const families: readonly RegExp[] = [/^float32$/, /^u?int8$/, /^b?float16$/, /^u?int(32|64)$/, /^u?int[24]$|^float4/];
const colourOf = (dtype: string): number => (families.findIndex((family) => family.test(dtype)) + 6) % 6;

/** Parts of a whole by data type in one bar, with a legend. */
export function Shares({ label, parts, format }: { label: string; parts: readonly Count[]; format(value: number): string }): JSX.Element {
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  const sorted = parts.filter((part) => part.value > 0).toSorted((a, b) => b.value - a.value);
  let at = 0;
  const place = (value: number): number => (at += value) - value;
  return (
    <div class="shares">
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={`${label}: ${sorted.map((part) => `${part.name} ${percent(part.value / total)}`).join(", ") || "none"}`}>
        {sorted.map((part) => <rect key={part.name} class={`part-${colourOf(part.name)}`} x={place((part.value / total) * 100)} width={(part.value / total) * 100} height={6} />)}
      </svg>
      <ul>
        {sorted.map((part) => (
          <li key={part.name}>
            <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class={`part-${colourOf(part.name)}`} width={10} height={10} rx={2} /></svg>
            {part.name}: {format(part.value)} ({percent(part.value / total)})
          </li>
        ))}
      </ul>
    </div>
  );
}

/** One column for each value, in order: where in a model the weight lies. */
export function Skyline({ label, values }: { label: string; values: readonly number[] }): JSX.Element {
  const largest = Math.max(1, ...values);
  const top = values.indexOf(Math.max(...values));
  return (
    <svg class="skyline" viewBox={`0 0 ${Math.max(1, values.length)} 40`} preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="ground" width={Math.max(1, values.length)} height={40} />
      {values.map((value, i) => value > 0 && <rect key={i} class={i === top ? "top" : "main"} x={i + 0.08} width={0.84} y={40 - Math.max(0.6, (value / largest) * 40)} height={Math.max(0.6, (value / largest) * 40)} />)}
    </svg>
  );
}
