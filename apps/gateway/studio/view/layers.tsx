/** Figures by layer: a skyline of the whole model, then a table. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { request } from "../api/graphql.ts";
import { layersQuery } from "../api/queries.ts";
import type { LayerFacts, Page } from "../api/types.ts";
import { BarTable, Skyline } from "./charts.tsx";
import { useStudio } from "./context.ts";
import { bytes, count } from "./format.ts";

/** More pages than these are not read: a chart of more layers shows nothing. */
const PAGES = 20;

const metrics = [
  { key: "bytes", name: "Bytes of weights", format: bytes },
  { key: "parameters", name: "Parameters", format: count },
  { key: "macs", name: "Multiply-accumulates", format: count },
] as const;
type Metric = (typeof metrics)[number];

export function Layers({ model }: { model: string }): JSX.Element {
  const { layers, cut } = useLayers(model);
  const [metric, setMetric] = useState<Metric>(metrics[0]);
  const [order, setOrder] = useState<"size" | "place">("size");
  const valueOf = (layer: LayerFacts): number => layer[metric.key] ?? 0;
  const rows = layers.map((layer) => ({ name: layer.name, detail: layer.op, value: valueOf(layer) }));
  const shown = order === "place" ? rows : rows.toSorted((a, b) => b.value - a.value);
  const [first] = rows.toSorted((a, b) => b.value - a.value);
  return (
    <section class="card wide" aria-labelledby="layers">
      <h3 id="layers">Layers</h3>
      <div class="row">
        <label>Show <select value={metric.key} onChange={({ currentTarget: { value } }) => setMetric(metrics.find((m) => m.key === value)!)}>
          {metrics.map(({ key, name }) => <option key={key} value={key}>{name}</option>)}
        </select></label>
        <label>Order <select value={order} onChange={({ currentTarget: { value } }) => setOrder(value as "size" | "place")}>
          <option value="size">largest first</option>
          <option value="place">as they run</option>
        </select></label>
      </div>
      <Skyline label={`${metric.name} of ${layers.length} layers in the order in which they run.${first ? ` The largest is ${first.name} with ${metric.format(first.value)}.` : ""}`} values={rows.map((row) => row.value)} />
      {cut && <p class="hint">The first {layers.length} layers; the model has more.</p>}
      <BarTable caption={`${metric.name} by layer`} columns={["Layer", "Operator", metric.name]} rows={shown} format={metric.format} />
    </section>
  );
}

function useLayers(model: string): { layers: readonly LayerFacts[]; cut: boolean } {
  const { fail } = useStudio();
  const [state, setState] = useState<{ layers: readonly LayerFacts[]; cut: boolean }>({ layers: [], cut: false });
  useEffect(() => {
    const abort = new AbortController();
    readLayers(model, abort.signal).then(setState, (error: unknown) => void (abort.signal.aborted || fail(error)));
    return () => abort.abort();
  }, [model]);
  return state;
}

async function readLayers(id: string, signal: AbortSignal): Promise<{ layers: readonly LayerFacts[]; cut: boolean }> {
  const layers: LayerFacts[] = [];
  let after: string | null = null;
  for (let page = 0; page < PAGES; page++) {
    const { model }: { model: { layers: Page<LayerFacts> } | null } = await request(layersQuery, { id, after }, signal);
    layers.push(...(model?.layers.nodes ?? []));
    if (!model?.layers.pageInfo.hasNextPage) return { layers, cut: false };
    after = model.layers.pageInfo.endCursor ?? null;
  }
  return { layers, cut: true };
}
