/** What `lathe trt` prints for people. */
import { format } from "@lathe/core";
import { shareByType, toolText, type BenchReport, type EngineResult, type Finding, type LayerRow } from "@lathe/trt";
import { bytes, table, type Io } from "../io.ts";

/** For people to read and paste; nothing here goes through a shell. */
export const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`);

export function findingsText(findings: readonly Finding[], io: Io): string {
  if (findings.length === 0) return "nothing found";
  const color = { error: io.colors.red, warning: io.colors.yellow, note: io.colors.dim };
  return findings.map((f) => `${color[f.severity](f.severity)} ${f.id}${f.node === undefined ? "" : ` at ${f.node}`}: ${f.message} ${io.colors.dim(f.remedy)}`).join("\n");
}

export function resultText(result: EngineResult, io: Io): string {
  const { plan, cached, build, bench, findings = [] } = result;
  const took = build.buildSeconds === undefined ? "" : `, built in ${build.buildSeconds.toFixed(1)} s`;
  const warnings = findings.filter((f) => f.severity === "warning");
  return [
    `${plan}: ${bytes(result.bytes)}${cached ? ", from the store" : took}, ${toolText(build.tool)}${build.device.name ? ` on ${build.device.name}` : ""}`,
    ...(build.sparse ? [`sparse    ${build.sparse.chosen.length} of ${build.sparse.eligible.length} eligible layers use 2:4 kernels`] : []),
    ...(warnings.length > 0 ? [findingsText(warnings, io)] : []),
    ...(bench ? [benchText(bench, io)] : []),
  ].join("\n");
}

export function benchText({ summary, settings, limits, layers, contextBytes }: BenchReport, io: Io): string {
  const ms = (value: number): string => format.duration(value);
  const with_ = [settings.transfers ? "with transfers" : "without transfers", settings.cudaGraph ? "CUDA graph" : "no CUDA graph", settings.spinWait ? "busy wait" : "sleeping wait"].join(", ");
  return [
    `latency   ${ms(summary.latency.median)} median, ${ms(summary.latency.min)} least${Object.entries(summary.latency.percentiles).map(([p, v]) => `, ${ms(v)} at ${p} %`).join("")}  (${with_})`,
    `rate      ${summary.throughput.toFixed(1)} runs a second`,
    ...(contextBytes === undefined ? [] : [`memory    ${bytes(contextBytes)} on the device beside weights`]),
    ...limits.map((limit) => io.colors.yellow(`caution   ${cautions[limit]}`)),
    ...(layers.length > 0 ? [typesText(layers), layersText(layers)] : []),
  ].join("\n");
}

const cautions: Readonly<Record<BenchReport["limits"][number], string>> = {
  enqueue: "the host is too slow to keep the GPU busy", h2d: "copies to the GPU take longer than computing", d2h: "copies from the GPU take longer than computing",
  unstable: "compute times vary by more than 2.5 %: fix the GPU's clock", streams: "with several streams only the rate means something",
};

const typesText = (layers: readonly LayerRow[]): string => `types     ${Object.entries(shareByType(layers)).toSorted((a, b) => b[1] - a[1]).map(([type, share]) => `${type} ${format.percent(share)}`).join(", ")} of the time`;
const layersText = (layers: readonly LayerRow[]): string => table(layers.slice(0, 20).map((l) => [l.name.slice(0, 60), l.type ?? "", l.dtype ?? "", `${l.averageMs.toPrecision(3)} ms`, format.percent(l.share)]), ["layer", "type", "output", "time", "share"]);
