/** A model in a few lines, for consoles and notebooks. Counts only; nothing is inferred. */
import type { Model } from "../ir/model.ts";
import { typeToString } from "../ir/type.ts";
import type { Value } from "../ir/value.ts";
import { modelSize, topGraphs } from "../stats-size.ts";
import * as format from "./format.ts";
import { escapeHtml, tableHtml } from "./html-table.ts";
import { column, numbers } from "./table.ts";

const OPERATORS = 8;

export function modelText(model: Model): string {
  const { nodes, parameters, bytes } = modelSize(model);
  const operators = operatorCounts(model);
  const rest = operators.length - OPERATORS;
  return [
    `Model ${headOf(model)}`,
    `  ${format.integer(nodes)} nodes, ${format.integer(parameters)} parameters, ${format.bytes(bytes)}`,
    ...portsOf(model).map(({ side, value }) => `  ${side.padEnd(3)} ${value.name}: ${typeToString(value.type)}`),
    `  ${operators.slice(0, OPERATORS).map(([op, n]) => `${op} ${n}`).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`,
  ].join("\n");
}

export function modelDisplay(model: Model): Record<string, string> {
  const { nodes, parameters, bytes } = modelSize(model);
  const ports = { columns: [column(""), column("name"), column("type")], rows: portsOf(model).map(({ side, value }) => [side, value.name, typeToString(value.type)]) };
  const figures = { columns: [numbers("nodes"), numbers("parameters"), numbers("size")], rows: [[format.integer(nodes), format.integer(parameters), format.bytes(bytes)]] };
  const operators = { columns: [column("operator"), numbers("nodes")], rows: operatorCounts(model).map(([op, n]) => [op, String(n)]) };
  const html = `<p><b>Model</b> ${escapeHtml(headOf(model))}</p>${[figures, ports, operators].map(tableHtml).join("")}`;
  return { "text/html": html, "text/plain": modelText(model) };
}

function headOf(model: Model): string {
  const opsets = [...model.opsetImports].map(([domain, version]) => `${domain || "ai.onnx"} ${version}`);
  return [[model.producerName, model.producerVersion].filter(Boolean).join(" "), `ir ${model.irVersion}`, ...opsets].filter(Boolean).join(", ");
}

const portsOf = (model: Model): { readonly side: string; readonly value: Value }[] => [
  ...model.graph.inputs.filter((v) => !v.tensor).map((value) => ({ side: "in", value })),
  ...model.graph.outputs.map((value) => ({ side: "out", value })),
];

function operatorCounts(model: Model): [string, number][] {
  const counts = new Map<string, number>();
  for (const top of topGraphs(model)) for (const node of top.allNodes()) counts.set(node.op, (counts.get(node.op) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}
