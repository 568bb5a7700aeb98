/** `--exportProfile`: how long each layer takes. */
import { engineErrors } from "../errors.ts";
import { number } from "../log/facts.ts";

export interface LayerTime {
  readonly name: string;
  /** Milliseconds a run. */
  readonly averageMs: number;
  readonly medianMs: number | undefined;
  /** 0 to 1. */
  readonly share: number;
}

export interface LayerProfile {
  /** Runs that were averaged. */
  readonly runs: number;
  readonly layers: readonly LayerTime[];
}

const fail = (reason: string): Error => engineErrors.TRT_OUTPUT({ what: "profile of layers", reason });

/**
 * The file looks like JSON, but names are written into it as they are: one with a quote or a backslash makes it another text. It is therefore
 * read by what surrounds a name.
 * @throws TRT_OUTPUT
 */
export function parseLayerProfile(text: string): LayerProfile {
  if (!/^\s*\[/.test(text) || !/\]\s*$/.test(text)) throw fail("it does not begin and end as a list: it was cut short");
  const runs = /"count"\s*:\s*(\d{1,15})/.exec(text.slice(0, 1000))?.[1];
  const layers: LayerTime[] = [];
  const open = /\{\s*"name"\s*:\s*"/g;
  const close = /"\s*,\s*"timeMs"\s*:/g;
  for (let begin = open.exec(text); begin; begin = open.exec(text)) {
    close.lastIndex = open.lastIndex;
    const end = close.exec(text);
    if (!end) throw fail(`layer ${layers.length + 1} has no time`);
    const stop = text.indexOf("}", close.lastIndex);
    if (stop < 0) throw fail(`layer ${layers.length + 1} does not end`);
    layers.push(layerTime(text.slice(open.lastIndex, end.index), text.slice(end.index + 1, stop), layers.length + 1));
    open.lastIndex = stop + 1;
  }
  if (runs === undefined && layers.length === 0) throw fail("it names no layer");
  return { runs: Number(runs ?? 0), layers };
}

function layerTime(name: string, fields: string, row: number): LayerTime {
  const field = (key: string): number | undefined => {
    const value = new RegExp(`"${key}"\\s*:\\s*([^,\\s]{1,40})`).exec(fields)?.[1];
    return value === undefined ? undefined : number(value);
  };
  const averageMs = field("averageMs");
  if (averageMs === undefined) throw fail(`layer ${row} has no averageMs`);
  return { name, averageMs, medianMs: field("medianMs"), share: (field("percentage") ?? NaN) / 100 };
}
