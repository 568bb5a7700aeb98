/** Weight-only quantization: weights of matrix products (and embedding tables) in few bits, activations and arithmetic as they were. */
import { convertOpset, inferShapes, Tensor, type Model, type Node } from "@lathe/core";
import { freezeDefaults, liftConstants, uniqueNames } from "../prepare.ts";
import { checkNames } from "../select.ts";
import { quantizeBnb4 } from "./bnb4.ts";
import { emitBnb4, emitGather, emitNbits, emitQdq } from "./emit.ts";
import { weightOnlyErrors } from "./errors.ts";
import { checkModel, findProducts, findTables, matrixOptions, type Left } from "./find.ts";
import { learn, learns, type Learnt } from "./learn.ts";
import { quantizeMatrix, type MatrixOptions, type QuantizedMatrix } from "./matrix.ts";
import { targetChoices, weightOnlyOptions, type WeightFormat, type WeightOnlyInput, type WeightOnlyOptions } from "./options.ts";
import { productOf, type Product } from "./products.ts";
import type { WeightOnlyReport, WeightOnlyServices } from "./report.ts";
import { WeightStore } from "./store.ts";
import { quantizeTable } from "./table.ts";
import { nbitsTensors, qdqTensors, tableTensors } from "./tensors.ts";

/**
 * Quantizes the weights of a copy; the given model stays as it is. A weight that lies in a file is quantized when the result is
 * written, so that models larger than memory can be converted; one in memory right away.
 * @throws QUANT_ALREADY, QUANT_UNKNOWN_NAME, QUANT_WEIGHT_NOT_FINITE, QUANT_CALIBRATION_EMPTY, WEIGHT_ONLY_COMBINATION, WEIGHT_ONLY_NOTHING,
 *   WEIGHT_ONLY_HESSIAN, WEIGHT_ONLY_BRANCH, OPSET_CANNOT_CONVERT
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
  readonly #store = new WeightStore();
  readonly #left: Left[] = [];

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
    this.#prepare();
    const tables = findTables(graph, this.#options);
    const products = findProducts(graph, this.#options, this.#left);
    const found = products.length + tables.length;
    if (found === 0) throw weightOnlyErrors.WEIGHT_ONLY_NOTHING({ seen: this.#left.length, reasons: this.#left.slice(0, 3).map((l) => `"${l.node}": ${l.reason}`).join("; ") });
    const turn = async (done: number, total: number, name: string): Promise<void> => {
      this.#services.signal?.throwIfAborted();
      await this.#services.onWeight?.(done, total, name);
    };
    const learnt: Learnt | undefined = learns(this.#options) ? await learn(this.#model, products, this.#options, this.#optionsFor, this.#services, turn) : undefined;
    let done = 0;
    for (const { node, graph: home } of products) {
      await turn(done++, found, node.label);
      // Seen afresh: rewriting the products before it, or AWQ, has given it other inputs.
      this.#rewrite(productOf(node, home) as Product, learnt?.matrices.get(node));
    }
    for (const table of tables) {
      await turn(done++, found, table.label);
      this.#rewriteTable(table);
    }
    for (const each of graph.allGraphs()) for (const value of Array.from(each.initializers)) if (value.isUnused) each.removeInitializer(value);
    if (this.#format !== "qdq" || tables.length > 0) this.#model.opsetImports.set("com.microsoft", 1);
    return this.#report(products.length, tables.length, learnt);
  }

  #prepare(): void {
    const { graph } = this.#model;
    checkModel(graph, this.#options, this.#format);
    freezeDefaults(graph);
    liftConstants(graph);
    uniqueNames(graph);
    if (this.#format === "qdq" && this.#model.opset < 21) convertOpset(this.#model, 21);
    inferShapes(this.#model);
    checkNames(graph, { ...this.#options, nodes: [...(this.#options.nodes ?? []), ...Object.keys(this.#options.overrides ?? {})] });
  }

  readonly #optionsFor = (product: Product): MatrixOptions => matrixOptions(product, this.#options, this.#format);

  #rewrite(product: Product, learnt: QuantizedMatrix | undefined): void {
    const options = this.#optionsFor(product);
    const { view, weight } = product;
    if (this.#format === "nf4" || this.#format === "fp4") return this.#rewriteBnb4(product, this.#format, options.blockSize);
    if (this.#format === "qdq" && options.bits === 2) throw weightOnlyErrors.WEIGHT_ONLY_COMBINATION({ node: `node "${product.node.label}"`, reason: "Q/DQ of opset 21 has no 2-bit type" });
    const make = (): QuantizedMatrix => learnt ?? quantizeMatrix(view, options);
    const tensors = this.#format === "qdq" ? qdqTensors : nbitsTensors;
    const key = learnt ? `${product.node.name} ${JSON.stringify(options)}` : JSON.stringify({ ...options, transposed: view.transposed });
    const values = this.#store.matrix(weight, key, `_Q${options.bits}`, (lazy) => tensors(lazy, view, options), make);
    if (this.#format === "qdq") emitQdq(product, values, options);
    else emitNbits(product, values, options, this.#accuracyLevel);
  }

  #rewriteBnb4(product: Product, type: "nf4" | "fp4", blockSize: number): void {
    const { view, weight } = product;
    const values = this.#store.tensors(weight, `${type} ${blockSize} ${view.transposed}`, "_Bnb4", () => {
      const made = quantizeBnb4(view, type, blockSize);
      const absmax = Tensor.from("float32", [made.absmax.length], made.absmax).cast(view.tensor.dtype);
      return { codes: Tensor.from("uint8", [made.packed.length], made.packed), scales: absmax, zeros: undefined };
    });
    emitBnb4(product, values.codes, values.scales, type, blockSize);
  }

  #rewriteTable(node: Node): void {
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
    const make = (): QuantizedMatrix => quantizeTable(view, options);
    const values = this.#store.matrix(weight, `table ${JSON.stringify(options)}`, `_table_Q${bits}`, (lazy) => tableTensors(lazy, view, dims, options, asBytes), make);
    emitGather(node, node.graph!, node.input(1)!, values, options, dims.length);
  }

  #report(products: number, tables: number, learnt: Learnt | undefined): WeightOnlyReport {
    const { target, algorithm } = this.#options;
    const choice = target && targetChoices[target];
    const { weights, before, after } = this.#store;
    return {
      format: this.#format, algorithm, products, tables, weights, bytesBefore: before, bytesAfter: after, left: this.#left,
      reasons: choice ? [`format = ${this.#format}, accuracyLevel = ${this.#accuracyLevel}: ${choice.why}`] : [],
      ...(algorithm === "awq" ? { alphas: learnt?.alphas ?? {} } : {}),
    };
  }
}
