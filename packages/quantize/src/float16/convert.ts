/**
 * float32 models in float16 or bfloat16. Each node is judged by its operator's signature: what may be 16 bits wide becomes so, the
 * rest stays float32, and a Cast stands wherever the two meet. Values between two float32 nodes stay float32.
 */
import { dtypes, inferShapes, inlineFunctions, Node, passContext, Value, attr, type Feeds, type Graph, type Model, type Runtime, type ValueType } from "@lathe/core";
import { observe } from "../calibrate/run.ts";
import { freezeDefaults, liftConstants, uniqueNames } from "../prepare.ts";
import { checkNames } from "../select.ts";
import { float16Errors } from "./errors.ts";
import { exceeds, toHalf, type Clamped, type HalfType } from "./element.ts";
import { float16Options, float32OpTypes, type Float16Input, type Float16Options } from "./options.ts";
import { admits, carriesFloat, retype, schemaOf, withFloat } from "./ports.ts";

export interface Float16Services {
  /** For `checkRanges`. */
  readonly runtime?: Runtime | undefined;
  readonly data?: AsyncIterable<Feeds> | Iterable<Feeds> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onSample?: ((done: number) => void) | undefined;
}

export interface Float16Report {
  /** Nodes that compute in 16 bits now. */
  readonly nodes: number;
  readonly kept: readonly { readonly node: string; readonly reason: string }[];
  readonly casts: number;
  readonly weights: number;
  /** Values of weights that were moved into the range; not counted for weights that are converted when written. */
  readonly clampedLarge: number;
  readonly clampedSmall: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Converts a copy; the given model stays as it is. @throws what applyFloat16 throws */
export async function convertFloat16(model: Model, options: Float16Input = {}, services: Float16Services = {}): Promise<{ model: Model; report: Float16Report }> {
  const copy = model.clone();
  return { model: copy, report: await applyFloat16(copy, float16Options.parse(options), services) };
}

/** Converts in place. @throws FLOAT16_NOTHING, FLOAT16_IO_NAME, FLOAT16_SERVICES, QUANT_UNKNOWN_NAME, QUANT_CALIBRATION_EMPTY, QUANT_RANGE_NOT_FINITE */
export async function applyFloat16(model: Model, options: Float16Options, services: Float16Services = {}): Promise<Float16Report> {
  await inlineFunctions.run(model, passContext());
  freezeDefaults(model.graph);
  liftConstants(model.graph);
  uniqueNames(model.graph);
  inferShapes(model);
  checkNames(model.graph, { excludeNodes: options.excludeNodes });
  const wide = options.checkRanges ? await wideValues(model, options, services) : new Set<string>();
  return new Converter(model, options, wide).run();
}

/** Names of values whose magnitude on the data exceeds the limit. */
async function wideValues(model: Model, { dtype, limit = dtypes[dtype].max / 2, samples }: Float16Options, { runtime, data, signal, onSample }: Float16Services): Promise<Set<string>> {
  if (!runtime || !data) throw float16Errors.FLOAT16_SERVICES({});
  const names = new Set([...model.graph.values()].filter((v) => v.dtype === "float32" && !v.constant && !v.isUnused).map((v) => v.name));
  const { tensors } = await observe(model, names, { runtime, data: take(data, samples), signal, onSample: (o) => onSample?.(o.samples) });
  return new Set([...tensors].filter(([, { min, max }]) => Math.max(-min, max) > limit).map(([name]) => name));
}

async function* take(data: AsyncIterable<Feeds> | Iterable<Feeds>, count: number): AsyncIterable<Feeds> {
  let left = count;
  for await (const sample of data) {
    if (left-- <= 0) return;
    yield sample;
  }
}

/** Where a huge constant is a mask, a bound or a filler, the largest value of the type does as well. */
const clampable: ReadonlySet<string> = new Set(["Add", "Sub", "Where", "Clip", "Pad", "Min", "Max", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"]);

class Converter {
  readonly #model: Model;
  readonly #options: Float16Options;
  readonly #dtype: HalfType;
  readonly #wide: ReadonlySet<string>;
  /** Values that carried float32 and are 16 bits wide now. */
  readonly #half = new Set<Value>();
  /** Values that carry float32 in the model as it was. */
  readonly #float = new Set<Value>();
  readonly #kept: { node: string; reason: string }[] = [];
  readonly #weights = new Map<Value, Value>();
  readonly #casts = new Map<Graph, Map<Value, Map<boolean, Value>>>();
  readonly #clamped: Clamped = { large: 0, small: 0 };
  readonly #tooWide = new Map<Value, boolean>();
  #nodes = 0;
  #castCount = 0;
  #before = 0;
  #after = 0;

  constructor(model: Model, options: Float16Options, wide: ReadonlySet<string>) {
    this.#model = model;
    this.#options = options;
    this.#dtype = options.dtype;
    this.#wide = wide;
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
    return {
      nodes: this.#nodes, kept: this.#kept, casts: this.#castCount, weights: this.#weights.size,
      clampedLarge: this.#clamped.large, clampedSmall: this.#clamped.small, bytesBefore: this.#before, bytesAfter: this.#after,
    };
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
      node.inputs.forEach((value, i) => value && this.#float.has(value) && node.setInput(i, this.#as(value, ports.inputs[i]!, graph, node)));
      if (ports.outputs.some(Boolean)) retype(node, this.#dtype, (tensor) => toHalf(tensor, this.#dtype, this.#clamped));
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

  /** `value` in 16 bits or in float32, for a reader at `anchor`. */
  #as(value: Value, half: boolean, graph: Graph, anchor: Node | undefined): Value {
    if (value.isInitializer) return half ? this.#weight(value) : value;
    if (this.#half.has(value) === half || value.type?.kind !== "tensor") return value;
    const here = this.#casts.get(graph) ?? new Map<Value, Map<boolean, Value>>();
    this.#casts.set(graph, here);
    const copies = here.get(value) ?? new Map<boolean, Value>();
    here.set(value, copies);
    const known = copies.get(half);
    if (known) return known;
    const to = half ? this.#dtype : "float32";
    const type = withFloat(value.type, to);
    const cast = new Node({ opType: "Cast", name: `${value.name}_to_${to}`, inputs: [value], outputs: [new Value(`${value.name}_${to}`, type)], attributes: { to: attr.int(dtypes[to].id) } });
    if (anchor) graph.insertBefore(anchor, cast);
    else graph.append(cast);
    this.#castCount++;
    copies.set(half, cast.out);
    return cast.out;
  }

  /** The 16-bit copy of a weight. The float32 one stays for those that need it. */
  #weight(value: Value): Value {
    const known = this.#weights.get(value);
    if (known) return known;
    const tensor = toHalf(value.tensor!, this.#dtype, this.#clamped);
    const { name } = value;
    const copy = value.graph!.addInitializer(name, tensor);
    // The public name goes to the copy; the other keeps one that tells them apart, should anything still read it.
    value.name = `${name}_float32`;
    copy.docString = value.docString;
    this.#weights.set(value, copy);
    this.#before += value.tensor!.byteLength;
    this.#after += tensor.byteLength;
    return copy;
  }

  /** Makes output `index` of a graph 16 bits wide or float32. */
  #output(graph: Graph, value: Value, index: number, half: boolean): void {
    if (!this.#float.has(value)) return;
    const { name } = value;
    const wanted = this.#as(value, half, graph, undefined);
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
