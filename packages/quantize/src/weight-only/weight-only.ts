/** Weight-only quantization: weights of matrix products (and embedding tables) in few bits, activations and arithmetic as they were. */
import { convertOpset, inferShapes, Tensor, type Feeds, type Graph, type Model, type Node, type Runtime, type Value } from "@lathe/core";
import { quantizeErrors } from "../errors.ts";
import { freezeDefaults, liftConstants, uniqueNames } from "../prepare.ts";
import { checkNames } from "../select.ts";
import { applyAwq } from "./awq.ts";
import { quantizeBnb4 } from "./bnb4.ts";
import { emitBnb4, emitGather, emitNbits, emitQdq, type WeightValues } from "./emit.ts";
import { weightOnlyErrors } from "./errors.ts";
import type { BlockAlgorithm } from "./fit.ts";
import { gptqMatrix } from "./gptq.ts";
import { eachGram, type Gram } from "./gram.ts";
import { Budget, LazyMatrix } from "./lazy.ts";
import { quantizeMatrix, type MatrixOptions, type QuantizedMatrix } from "./matrix.ts";
import { targetChoices, weightOnlyOptions, type WeightFormat, type WeightOnlyInput, type WeightOnlyOptions } from "./options.ts";
import { isHead, productOf, type Product } from "./products.ts";
import { nbitsTensors, qdqTensors, tableTensors, type QuantizedTensors } from "./tensors.ts";
import { tableFit } from "./table.ts";

export interface WeightOnlyServices {
  /** For gptq and awq. */
  readonly runtime?: Runtime | undefined;
  readonly data?: AsyncIterable<Feeds> | Iterable<Feeds> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called between weights; may wait. */
  readonly onWeight?: ((done: number, total: number, name: string) => void | Promise<void>) | undefined;
}

export interface WeightOnlyReport {
  readonly format: WeightFormat;
  readonly algorithm: string;
  /** Products and Gathers that read quantized weights now. */
  readonly products: number;
  readonly tables: number;
  /** Tensors quantized; fewer than readers when weights are shared. */
  readonly weights: number;
  /** Bytes of these weights before and after, scales included. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly left: readonly { readonly node: string; readonly reason: string }[];
  readonly reasons: readonly string[];
  /** Exponents that AWQ chose, by activation. */
  readonly alphas?: Readonly<Record<string, number>>;
}

/** Packed codes that are kept once made; beyond it they are made again for each write. */
const KEPT = 2 ** 29;

/**
 * Quantizes the weights of a copy; the given model stays as it is. A weight that lies in a file is quantized when the result is
 * written, so that models larger than memory can be converted; one in memory right away.
 * @throws QUANT_ALREADY, QUANT_UNKNOWN_NAME, QUANT_WEIGHT_NOT_FINITE, QUANT_CALIBRATION_EMPTY, WEIGHT_ONLY_COMBINATION, WEIGHT_ONLY_NOTHING,
 *   WEIGHT_ONLY_HESSIAN, OPSET_CANNOT_CONVERT
 */
export async function quantizeWeightsOf(model: Model, options: WeightOnlyInput = {}, services: WeightOnlyServices = {}): Promise<{ model: Model; report: WeightOnlyReport }> {
  const copy = model.clone();
  const report = await applyWeightOnly(copy, weightOnlyOptions.parse(options), services);
  return { model: copy, report };
}

/** The same in place. */
export async function applyWeightOnly(model: Model, options: WeightOnlyOptions, services: WeightOnlyServices = {}): Promise<WeightOnlyReport> {
  return new Conversion(model, options, services).run();
}

class Conversion {
  readonly #model: Model;
  readonly #options: WeightOnlyOptions;
  readonly #services: WeightOnlyServices;
  readonly #format: WeightFormat;
  readonly #accuracyLevel: number;
  readonly #budget = new Budget(KEPT);
  readonly #made = new Map<Value, Map<string, WeightValues>>();
  readonly #left: { node: string; reason: string }[] = [];
  readonly #alphas: Record<string, number> = {};
  #weights = 0;
  #before = 0;
  #after = 0;

  constructor(model: Model, options: WeightOnlyOptions, services: WeightOnlyServices) {
    const choice = options.target && targetChoices[options.target];
    this.#model = model;
    this.#options = options;
    this.#services = services;
    this.#format = options.format ?? choice?.format ?? "nbits";
    this.#accuracyLevel = options.accuracyLevel ?? choice?.accuracyLevel ?? 0;
  }

  async run(): Promise<WeightOnlyReport> {
    const { graph } = this.#model;
    this.#check();
    freezeDefaults(graph);
    liftConstants(graph);
    uniqueNames(graph);
    if (this.#format === "qdq" && this.#model.opset < 21) convertOpset(this.#model, 21);
    inferShapes(this.#model);
    checkNames(graph, { ...this.#options, nodes: [...(this.#options.nodes ?? []), ...Object.keys(this.#options.overrides ?? {})] });
    const tables = this.#tables();
    const products = this.#products();
    const found = products.length + tables.length;
    if (found === 0) throw weightOnlyErrors.WEIGHT_ONLY_NOTHING({ seen: this.#left.length, reasons: this.#left.slice(0, 3).map((l) => `"${l.node}": ${l.reason}`).join("; ") });
    const learnt = this.#options.algorithm === "gptq" || this.#options.algorithm === "awq" ? await this.#learn(products) : new Map<Node, QuantizedMatrix>();
    let done = 0;
    for (const { node, graph: home } of products) {
      await this.#turn(done++, found, node.label);
      // Seen afresh: rewriting the products before it, or AWQ, has given it other inputs.
      this.#rewrite(productOf(node, home) as Product, learnt.get(node));
    }
    for (const table of tables) {
      await this.#turn(done++, found, table.label);
      this.#rewriteTable(table, table.graph!);
    }
    for (const each of graph.allGraphs()) for (const value of Array.from(each.initializers)) if (value.isUnused) each.removeInitializer(value);
    if (this.#format !== "qdq" || tables.length > 0) this.#model.opsetImports.set("com.microsoft", 1);
    return this.#report(products.length, tables.length);
  }

  async #turn(done: number, total: number, name: string): Promise<void> {
    this.#services.signal?.throwIfAborted();
    await this.#services.onWeight?.(done, total, name);
  }

  /** @throws QUANT_ALREADY, WEIGHT_ONLY_COMBINATION */
  #check(): void {
    for (const node of this.#model.graph.allNodes()) if (/^(MatMulNBits|MatMulBnb4|GatherBlockQuantized)$/.test(node.opType)) throw quantizeErrors.QUANT_ALREADY({ node: node.label });
    const { algorithm, symmetric, realZeroPoints } = this.#options;
    const refuse = (reason: string): never => {
      throw weightOnlyErrors.WEIGHT_ONLY_COMBINATION({ node: "all weights", reason });
    };
    if ((algorithm === "k-quant" || algorithm === "hqq") && symmetric) refuse(`${algorithm} has zero points and cannot be symmetric`);
    if (realZeroPoints && (algorithm !== "hqq" || this.#format !== "nbits")) refuse("real zero points are for algorithm hqq and format nbits");
    if ((this.#format === "nf4" || this.#format === "fp4") && algorithm !== "default") refuse(`format ${this.#format} has a codebook of its own and takes no algorithm`);
  }

  #products(): Product[] {
    const { opTypes, minElements, nodes, excludeNodes } = this.#options;
    const found: Product[] = [];
    for (const graph of this.#model.graph.allGraphs()) {
      for (const node of graph.nodes) {
        if (node.domain !== "" || !(opTypes as readonly string[]).includes(node.opType)) continue;
        if (excludeNodes?.includes(node.name) || (nodes && nodes.length > 0 && !nodes.includes(node.name))) continue;
        const product = productOf(node, graph);
        const reason = typeof product === "string" ? product : product.view.tensor.size < minElements ? "its weight is small" : undefined;
        if (reason !== undefined) this.#left.push({ node: node.label, reason });
        else found.push(product as Product);
      }
    }
    return found;
  }

  /** Gathers along axis 0 of a constant table. */
  #tables(): Node[] {
    if (this.#options.embeddingBits === undefined) return [];
    const { minElements, nodes, excludeNodes } = this.#options;
    return [...this.#model.graph.allNodes()].filter((node) => {
      if (!node.is("Gather") || node.int("axis", 0) !== 0 || excludeNodes?.includes(node.name) || (nodes && nodes.length > 0 && !nodes.includes(node.name))) return false;
      const table = node.input(0)!;
      return table.isInitializer && /^b?float(16|32)$/.test(table.tensor!.dtype) && table.tensor!.dims.length >= 2 && table.tensor!.size >= minElements && node.input(1) !== undefined;
    });
  }

  #optionsFor(product: Product): MatrixOptions {
    const { algorithm, bits, blockSize, symmetric, headBits, overrides, realZeroPoints } = this.#options;
    const own = overrides?.[product.node.name];
    const asked: BlockAlgorithm = algorithm === "gptq" || algorithm === "awq" ? "default" : algorithm;
    return {
      algorithm: asked,
      bits: own?.bits ?? (headBits !== undefined && isHead(product.node.out) ? headBits : bits),
      blockSize: own?.blockSize ?? blockSize ?? (this.#format === "nf4" || this.#format === "fp4" ? 64 : 32),
      symmetric: own?.symmetric ?? symmetric ?? !(asked === "k-quant" || asked === "hqq"),
      realZeros: realZeroPoints,
      signed: this.#format === "qdq" && asked === "default" && algorithm === "default",
    };
  }

  #rewrite(product: Product, learnt: QuantizedMatrix | undefined): void {
    const options = this.#optionsFor(product);
    const { view, weight } = product;
    if (this.#format === "nf4" || this.#format === "fp4") return this.#rewriteBnb4(product, this.#format, options.blockSize);
    if (this.#format === "qdq" && options.bits === 2) throw weightOnlyErrors.WEIGHT_ONLY_COMBINATION({ node: `node "${product.node.label}"`, reason: "Q/DQ of opset 21 has no 2-bit type" });
    const make = (): QuantizedMatrix => learnt ?? quantizeMatrix(view, options);
    const tensors = this.#format === "qdq" ? qdqTensors : nbitsTensors;
    const key = learnt ? `${product.node.name} ${JSON.stringify(options)}` : JSON.stringify({ ...options, transposed: view.transposed });
    const values = this.#values(weight, key, `_Q${options.bits}`, (lazy) => tensors(lazy, view, options), make);
    if (this.#format === "qdq") emitQdq(product, values, options);
    else emitNbits(product, values, options, this.#accuracyLevel);
  }

  #rewriteBnb4(product: Product, type: "nf4" | "fp4", blockSize: number): void {
    const { view, weight } = product;
    const values = this.#shared(weight, `${type} ${blockSize} ${view.transposed}`, () => {
      const made = quantizeBnb4(view, type, blockSize);
      const absmax = Tensor.from("float32", [made.absmax.length], made.absmax).cast(view.tensor.dtype);
      return { codes: Tensor.from("uint8", [made.packed.length], made.packed), scales: absmax, zeros: undefined };
    }, "_Bnb4");
    emitBnb4(product, values.codes, values.scales, type, blockSize);
  }

  #rewriteTable(node: Node, graph: Graph): void {
    const weight = node.input(0)!;
    const { dims } = weight.tensor!;
    const k = dims.at(-1)!;
    const bits = this.#options.embeddingBits!;
    const symmetric = this.#options.symmetric ?? true;
    const options: MatrixOptions = { algorithm: "default", bits, blockSize: this.#options.blockSize ?? 32, symmetric };
    const view = { tensor: weight.tensor!, name: weight.name, k, n: weight.tensor!.size / k, transposed: true };
    // Rows of bytes can be told apart only when they are full; the 4-bit types have no such limit.
    const asBytes = bits !== 4;
    if (asBytes && (k * bits) % 8 !== 0) return void this.#left.push({ node: node.label, reason: `its rows of ${k} values fill no whole bytes` });
    const make = (): QuantizedMatrix => quantizeMatrix(view, options, tableFit(bits, symmetric));
    const values = this.#values(weight, `table ${JSON.stringify(options)}`, `_table_Q${bits}`, (lazy) => tableTensors(lazy, view, dims, options, asBytes), make);
    emitGather(node, graph, node.input(1)!, values, options, dims.length);
  }

  /** The quantized form of a weight, made once for each way of quantizing it. */
  #values(weight: Value, key: string, suffix: string, tensors: (lazy: LazyMatrix) => QuantizedTensors, make: () => QuantizedMatrix): WeightValues {
    return this.#shared(weight, key, () => {
      const lazy = new LazyMatrix(make, this.#budget);
      const made = tensors(lazy);
      return weight.tensor!.storage.kind === "file" ? made : settled(made);
    }, suffix);
  }

  #shared(weight: Value, key: string, make: () => QuantizedTensors, suffix: string): WeightValues {
    const copies = this.#made.get(weight) ?? new Map<string, WeightValues>();
    this.#made.set(weight, copies);
    const known = copies.get(key);
    if (known) return known;
    const { codes, scales, zeros } = make();
    const home = weight.graph!;
    const values = {
      codes: home.addInitializer(`${weight.name}${suffix}`, codes),
      scales: home.addInitializer(`${weight.name}${suffix.startsWith("_table") ? "_table" : ""}_scales`, scales),
      zeros: zeros && home.addInitializer(`${weight.name}${suffix.startsWith("_table") ? "_table" : ""}_zero_points`, zeros),
    };
    copies.set(key, values);
    this.#weights++;
    this.#before += weight.tensor!.byteLength;
    this.#after += codes.byteLength + scales.byteLength + (zeros?.byteLength ?? 0);
    return values;
  }

  /** GPTQ's matrices; AWQ changes the weights instead. Products in branches stay with plain rounding: their activations cannot be seen. */
  async #learn(products: readonly Product[]): Promise<Map<Node, QuantizedMatrix>> {
    const { algorithm, samples } = this.#options;
    const { runtime, data, signal } = this.#services;
    if (!runtime || !data) throw weightOnlyErrors.WEIGHT_ONLY_COMBINATION({ node: "all weights", reason: `${algorithm} needs calibration data and a runtime` });
    const byInput = new Map<Value, Product[]>();
    for (const product of products) {
      if (product.graph !== this.#model.graph || product.activation.graph !== this.#model.graph) continue;
      byInput.set(product.activation, [...(byInput.get(product.activation) ?? []), product]);
    }
    const learnt = new Map<Node, QuantizedMatrix>();
    const names = new Map([...byInput.keys()].map((value) => [value.name, value]));
    const widths = new Map([...byInput].map(([value, [first]]) => [value.name, first!.view.k]));
    if (widths.size === 0) return learnt;
    let done = 0;
    await eachGram(this.#model, widths, samples, { runtime, data, signal }, async (name, gram) => {
      const group = byInput.get(names.get(name)!)!;
      await this.#turn(done++, widths.size, name);
      if (algorithm === "awq") this.#alphas[name] = applyAwq(names.get(name)!, group, gram, this.#optionsFor(group[0]!), this.#model.graph);
      else for (const product of group) learnt.set(product.node, this.#gptq(product, gram));
    });
    return learnt;
  }

  #gptq(product: Product, gram: Gram): QuantizedMatrix {
    const { damping, actOrder } = this.#options;
    return gptqMatrix(product.view, gram, { ...this.#optionsFor(product), damping, actOrder }, product.activation.name);
  }

  #report(products: number, tables: number): WeightOnlyReport {
    const { target, algorithm } = this.#options;
    const choice = target && targetChoices[target];
    return {
      format: this.#format, algorithm, products, tables, weights: this.#weights, bytesBefore: this.#before, bytesAfter: this.#after, left: this.#left,
      reasons: choice ? [`format = ${this.#format}, accuracyLevel = ${this.#accuracyLevel}: ${choice.why}`] : [],
      ...(algorithm === "awq" ? { alphas: this.#alphas } : {}),
    };
  }
}

/** The same tensors with their content in memory. */
function settled({ codes, scales, zeros }: QuantizedTensors): QuantizedTensors {
  const now = (tensor: Tensor): Tensor => Tensor.fromBytes(tensor.dtype, tensor.dims, tensor.bytes());
  return { codes: now(codes), scales: now(scales), zeros: zeros && now(zeros) };
}
