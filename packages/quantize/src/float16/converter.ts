/** Goes through the graphs, decides each node's width, and puts casts and 16-bit weights in place. */
import { inferShapes, Value, type Graph, type Model, type Node, type ValueType } from "@lathe/core";
import { Copies } from "./copies.ts";
import { exceeds, toHalf, type HalfType } from "./element.ts";
import { float16Errors } from "./errors.ts";
import { float32OpTypes, type Float16Options } from "./options.ts";
import { admits, carriesFloat, retype, schemaOf, withFloat } from "./ports.ts";
import type { Float16Report } from "./report.ts";

/** Where a huge constant is a mask, a bound or a filler, the largest value of the type does as well. */
const clampable: ReadonlySet<string> = new Set(["Add", "Sub", "Where", "Clip", "Pad", "Min", "Max", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"]);

export class Converter {
  readonly #model: Model;
  readonly #options: Float16Options;
  readonly #dtype: HalfType;
  readonly #wide: ReadonlySet<string>;
  readonly #keep: ((node: Node) => string | undefined) | undefined;
  /** Values that carried float32 and are 16 bits wide now. */
  readonly #half = new Set<Value>();
  /** Values that carry float32 in the model as it was. */
  readonly #float = new Set<Value>();
  readonly #kept: { node: string; reason: string }[] = [];
  readonly #copies: Copies;
  readonly #tooWide = new Map<Value, boolean>();
  #nodes = 0;

  constructor(model: Model, options: Float16Options, wide: ReadonlySet<string>, keep?: (node: Node) => string | undefined) {
    this.#keep = keep;
    this.#model = model;
    this.#options = options;
    this.#dtype = options.dtype;
    this.#wide = wide;
    this.#copies = new Copies(options.dtype, this.#half);
  }

  run(): Float16Report {
    const { graph } = this.#model;
    const kept = this.#keptIo();
    for (const each of graph.allGraphs()) for (const value of each.values()) if (carriesFloat(value.type)) this.#float.add(value);
    for (const input of graph.inputs) if (!kept.has(input.name)) this.#narrow(input);
    this.#convert(graph);
    graph.outputs.forEach((value, i) => this.#output(graph, value, i, !kept.has(value.name)));
    if (this.#nodes === 0) throw float16Errors.FLOAT16_NOTHING({ reasons: this.#kept.slice(0, 3).map((k) => `"${k.node}": ${k.reason}`).join("; ") });
    for (const each of graph.allGraphs()) for (const value of Array.from(each.initializers)) if (value.isUnused) each.removeInitializer(value);
    inferShapes(this.#model);
    const { casts, weights, clamped, before, after } = this.#copies;
    return { nodes: this.#nodes, kept: this.#kept, casts, weights, clampedLarge: clamped.large, clampedSmall: clamped.small, bytesBefore: before, bytesAfter: after };
  }

  /** @throws FLOAT16_IO_NAME */
  #keptIo(): Set<string> {
    const { graph } = this.#model;
    const all = [...graph.inputs, ...graph.outputs].map((v) => v.name);
    const { keepIo, keepIoNames } = this.#options;
    for (const name of keepIoNames ?? []) if (!all.includes(name)) throw float16Errors.FLOAT16_IO_NAME({ name });
    return new Set(keepIoNames ?? (keepIo ? all : []));
  }

  #narrow(value: Value): void {
    if (!this.#float.has(value)) return;
    this.#half.add(value);
    value.type = withFloat(value.type, this.#dtype);
  }

  /** Nodes in order, so that what a node reads has its type already; bodies before what follows their node. */
  #convert(graph: Graph): void {
    for (const node of Array.from(graph.nodes)) {
      const bodies = node.subgraphs;
      const reason = bodies.length > 0 ? undefined : this.#reason(node);
      const ports = this.#ports(node, reason !== undefined);
      node.inputs.forEach((value, i) => value && this.#float.has(value) && node.setInput(i, this.#copies.as(value, ports.inputs[i]!, graph, node)));
      if (ports.outputs.some(Boolean)) retype(node, this.#dtype, (tensor) => toHalf(tensor, this.#dtype, this.#copies.clamped));
      node.outputs.forEach((value, i) => value && ports.outputs[i] && this.#narrow(value));
      for (const { graph: body } of bodies) {
        for (const input of body.inputs) this.#narrow(input);
        this.#convert(body);
        body.outputs.forEach((value, i) => this.#output(body, value, i, true));
      }
      if (ports.outputs.some(Boolean) || ports.inputs.some(Boolean)) this.#nodes++;
      else if (reason !== undefined) this.#kept.push({ node: node.label, reason });
    }
  }

  /** Why a node with float32 ports stays as it is; undefined when nothing keeps it. */
  #reason(node: Node): string | undefined {
    const values = [...node.inputs, ...node.outputs].filter((v) => v !== null);
    if (!values.some((v) => this.#float.has(v))) return undefined;
    if (this.#options.excludeNodes?.includes(node.name)) return "it is excluded";
    const asked = this.#keep?.(node);
    if (asked !== undefined) return asked;
    if ((this.#options.keepOpTypes ?? float32OpTypes).includes(node.opType)) return `${node.opType} stays in float32`;
    const wide = values.find((v) => this.#wide.has(v.name));
    if (wide) return `"${wide.name}" exceeds the limit on the calibration data`;
    const weight = clampable.has(node.opType) ? undefined : values.find((v) => v.isInitializer && this.#float.has(v) && this.#exceeds(v));
    if (weight) return `its weight "${weight.name}" has values beyond the range of ${this.#dtype}`;
    if (values.some((v) => v.type === undefined || (v.type.kind === "tensor" && v.dtype === undefined))) return "the type of one of its values is not known";
    if (!schemaOf(node, this.#model.opsetImports)) return `the signature of ${node.op} is not known`;
    return undefined;
  }

  #exceeds(weight: Value): boolean {
    const known = this.#tooWide.get(weight) ?? exceeds(weight.tensor!, this.#dtype);
    this.#tooWide.set(weight, known);
    return known;
  }

  /** True for each port that is 16 bits wide afterwards. */
  #ports(node: Node, keep: boolean): { inputs: boolean[]; outputs: boolean[] } {
    const schema = keep ? undefined : schemaOf(node, this.#model.opsetImports);
    const judge = (values: readonly (Value | null)[], which: "inputs" | "outputs"): boolean[] =>
      values.map((v, i) => v !== null && schema !== undefined && this.#float.has(v) && admits(schema, schema[which], i, this.#origin(v), this.#dtype));
    return { inputs: judge(node.inputs, "inputs"), outputs: judge(node.outputs, "outputs") };
  }

  /** The value as the signature check wants to see it: still float32. */
  #origin(value: Value): Value {
    return this.#half.has(value) ? new Value(value.name, withFloat(value.type, "float32")) : value;
  }

  /** Makes output `index` of a graph 16 bits wide or float32. */
  #output(graph: Graph, value: Value, index: number, half: boolean): void {
    if (!this.#float.has(value)) return;
    const { name } = value;
    const wanted = this.#copies.as(value, half, graph, undefined);
    if (wanted === value) return;
    graph.setOutput(index, wanted);
    if (graph.parent || value.isInitializer) return;
    value.name = `${name}_inner`;
    wanted.name = name;
    wanted.type = sameShape(wanted.type, value.type);
  }
}

const sameShape = (type: ValueType | undefined, like: ValueType | undefined): ValueType | undefined =>
  type?.kind === "tensor" && like?.kind === "tensor" ? { ...like, dtype: type.dtype } : type;
