/** `lathe inspect model.onnx`: what is in the file. */
import { inferShapes, standardOps, stats, verify, type LayerStats, type ModelStats } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import type { Command } from "commander";
import { parseBindings } from "../bindings.ts";
import { amount, bytes, json, table, type Io } from "../io.ts";

interface InspectFlags {
  readonly json?: boolean;
  readonly layers?: boolean;
  readonly bind?: string[];
}

export function inspectCommand(program: Command, io: Io): void {
  program
    .command("inspect")
    .description("Shows inputs, outputs, size, work and problems of a model.")
    .argument("<model>", "an ONNX file")
    .option("--layers", "a row for each node")
    .option("--bind <name=size...>", "sizes of symbolic dimensions (the batch is 1 unless given)")
    .option("--json", "print everything as JSON")
    .action(async (path: string, flags: InspectFlags) => {
      const model = await loadModel(path);
      const issues = verify(model, { ops: standardOps }).map(({ severity, error }) => ({ severity, ...error.toJSON() }));
      inferShapes(model);
      const facts = stats(model, { bindings: parseBindings(flags.bind) });
      if (flags.json) return io.out(json({ ...facts, issues }));
      io.out([...overview(facts), ...issues.slice(0, 20).map((issue) => io.colors.yellow(`${issue.severity}: ${issue.message}`)), ...(flags.layers ? ["", layers(facts.layers)] : [])].join("\n"));
    });
}

function overview(facts: ModelStats): string[] {
  const ports = (list: ModelStats["inputs"]): string => list.map((port) => `${port.name}: ${port.type}`).join("\n          ");
  const named = (sizes: Readonly<Record<string, number>>): string => Object.entries(sizes).map(([name, size]) => `${name}=${size}`).join(", ");
  const bound = Object.keys(facts.bindings).length > 0 ? ` with ${named(facts.bindings)}` : "";
  const gaps = facts.unknown.length > 0 ? ` (without ${facts.unknown.length} layers of unknown work${facts.unbound.length > 0 ? `; give --bind ${facts.unbound.map((symbol) => `${symbol}=SIZE`).join(" ")}` : ""})` : "";
  return [
    `inputs    ${ports(facts.inputs)}`,
    `outputs   ${ports(facts.outputs)}`,
    `opset     ${Object.entries(facts.opsets).map(([domain, version]) => `${domain} ${version}`).join(", ")}  (IR ${facts.irVersion}${facts.producer ? `, by ${facts.producer}` : ""})`,
    `size      ${bytes(facts.bytes)} in ${amount(facts.parameters)} parameters: ${Object.entries(facts.bytesByDtype).map(([dtype, count]) => `${dtype} ${bytes(count)}`).join(", ")}`,
    `work      ${amount(facts.macs)} multiply-adds${bound}${gaps}`,
    `memory    ${bytes(facts.activations.peakBytes)} of activations at the peak${facts.activations.unsized > 0 ? " or more" : ""}`,
    `nodes     ${facts.nodes}: ${Object.entries(facts.histogram).slice(0, 12).map(([op, count]) => `${op} ${count}`).join(", ")}`,
    ...(facts.sparsity ? [`zeros     ${(facts.sparsity * 100).toFixed(1)} % of all weights`] : []),
  ];
}

const layers = (rows: readonly LayerStats[]): string =>
  table(rows.map((l) => [[...l.inside, l.name].join("/"), l.op, l.outputs[0] ?? "", amount(l.parameters), bytes(l.bytes), l.macs === undefined ? "-" : amount(l.macs)]), ["node", "op", "output", "params", "bytes", "MACs"]);
