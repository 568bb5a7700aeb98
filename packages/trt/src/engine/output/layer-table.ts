/** Where an engine spends its time: the two files about layers, joined by name. */
import type { EngineInfo } from "./layer-info.ts";
import type { LayerProfile } from "./layer-profile.ts";

export interface LayerRow {
  readonly name: string;
  readonly averageMs: number;
  /** 0 to 1. */
  readonly share: number;
  /** Kind of layer, where the engine tells. */
  readonly type: string | undefined;
  /** Type of what it gives. */
  readonly dtype: string | undefined;
  readonly tactic: string | undefined;
  /** The ONNX nodes in it. */
  readonly nodes: readonly string[];
}

/** Slowest first. Layers that never ran are left out, as by the tool. */
export function layerTable({ layers }: LayerProfile, info: EngineInfo): LayerRow[] {
  const known = new Map(info.layers.map((layer) => [layer.name, layer]));
  return layers.map(({ name, averageMs, share }) => {
    const layer = known.get(name);
    return { name, averageMs, share, type: layer?.type, dtype: layer?.outputs?.[0]?.dtype, tactic: layer?.tactic, nodes: layer?.nodes ?? [] };
  }).toSorted((a, b) => b.averageMs - a.averageMs);
}

/** Share of time by the type of what layers give: how much of an engine runs in int8, say. Layers that do not tell are under "unknown". */
export function shareByType(rows: readonly LayerRow[]): Readonly<Record<string, number>> {
  const shares: Record<string, number> = {};
  for (const { dtype = "unknown", share } of rows) shares[dtype] = (shares[dtype] ?? 0) + share;
  return shares;
}
