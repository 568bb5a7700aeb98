import { isLatheError, type LatheError } from "../errors.ts";
import { cloneGraph } from "../ir/clone.ts";
import type { Graph } from "../ir/graph.ts";
import type { FunctionDef, Model } from "../ir/model.ts";
import type { Node } from "../ir/node.ts";
import { typeToString, type Dim, type Shape, type ValueType } from "../ir/type.ts";
import type { Value } from "../ir/value.ts";
import { calledFunction, MAX_FUNCTION_DEPTH } from "../ir/verify-functions.ts";
import type { Tensor } from "../tensor.ts";
import { bindAttributes } from "./function-call.ts";
import type { InferOptions } from "./infer.ts";
import { NodeInference, constantOf, type Facts } from "./infer-context.ts";
import { mergeTypes } from "./merge-type.ts";
import type { OpDef, OpSchema, OpTable } from "./op.ts";
import { opErrors } from "./op-errors.ts";
import { standardOps } from "./standard.ts";

/** Work that local functions may cause, in nodes visited inside calls: hostile models fan out exponentially. */
const MAX_FUNCTION_NODES = 100_000;
/** Constants up to this many elements are computed while inferring. */
const MAX_EVALUATED = 4096;

/** One walk over a model, its subgraphs and the functions that it calls. */
export class Inference implements Facts {
  readonly constants = new Map<Value, Tensor>();
  readonly dims = new Map<Value, readonly Dim[]>();
  readonly defaultsAreConstant: boolean;
  /** By node or value, so that a subgraph visited again replaces what its first visit said. */
  readonly #problems = new Map<Node | Value, LatheError>();
  /** What the model said of a value before inference wrote to it: subgraphs may be visited several times. */
  readonly #declared = new Map<Value, ValueType | undefined>();
  readonly #model: Model;
  readonly #ops: OpTable;
  readonly #strict: boolean;
  readonly #ignoreDeclared: boolean;
  #opsets: ReadonlyMap<string, number>;
  #depth = 0;
  /** Greater than 0 inside branches that never run. */
  #dead = 0;
  #functionNodes = 0;

  constructor(model: Model, options: InferOptions) {
    this.#model = model;
    this.#ops = options.ops ?? standardOps;
    this.#strict = options.strict ?? false;
    this.#ignoreDeclared = options.ignoreDeclared ?? options.inputs !== undefined;
    this.#opsets = model.opsetImports;
    this.defaultsAreConstant = model.irVersion < 4;
  }

  get problems(): readonly LatheError[] {
    return [...this.#problems.values()];
  }

  /** Takes this content for a graph input. */
  assume(input: Value, tensor: Tensor): void {
    this.constants.set(input, tensor);
    input.type = { kind: "tensor", dtype: tensor.dtype, shape: tensor.dims };
  }

  /** Gives graph outputs the names that the model declares for their sizes; at the end, because inside expressions say more. */
  nameOutputSizes(graph: Graph): void {
    for (const value of graph.outputs) {
      const declared = this.#declared.get(value);
      if (declared && value.type) value.type = mergeTypes(declared, value.type, "declared").type;
    }
  }

  /** Infers the nodes of a graph in order. A node that fails is reported; those behind it go on with what is declared. */
  walk(graph: Graph): void {
    for (const node of graph.nodes) {
      this.#forget(node);
      try {
        this.#visit(node);
      } catch (error) {
        if (!isLatheError(error)) throw error;
        this.#report(node, error);
      }
    }
  }

  /** Drops what an earlier visit found. */
  #forget(node: Node): void {
    this.#problems.delete(node);
    for (const value of node.outputs) {
      if (!value) continue;
      this.#problems.delete(value);
      this.dims.delete(value);
      this.constants.delete(value);
    }
  }

  inferGraph(graph: Graph, inputs: readonly (ValueType | undefined)[], dead: boolean): readonly (ValueType | undefined)[] {
    graph.inputs.forEach((value, i) => {
      const given = inputs[i];
      // Inside, the operator's view of the input counts; what the body declares only completes it.
      if (given) value.type = mergeTypes(this.#declaredType(value), given, "inferred").type;
    });
    this.#dead += Number(dead);
    this.walk(graph);
    this.#dead -= Number(dead);
    return graph.outputs.map((v) => v.type);
  }

  #visit(node: Node): void {
    const called = calledFunction(this.#model, node);
    if (called) {
      this.#call(node, called);
      return;
    }
    const op = this.#ops.of(node);
    if (!op) {
      this.#report(node, opErrors.OP_UNKNOWN({ node: node.label, op: node.op }));
      return;
    }
    const opset = this.#opsets.get(node.domain) ?? (node.domain === "" ? this.#model.opset : 1);
    const schema = this.#ops.schema(node.domain, node.opType, opset);
    if (!schema) this.#report(node, opErrors.OP_VERSION({ node: node.label, op: node.op, opset, since: op.schemas[0]?.since }));
    requireInputs(node, schema);
    const context = new NodeInference(node, opset, schema, this);
    if (op.infer) op.infer(context);
    for (let i = 0; i < node.outputs.length; i++) this.#settle(node.output(i), context.results[i] ?? context.signatureType(i));
    this.#evaluate(node, op, context);
  }

  /** Infers a copy of the function's body with the call's types and attributes. */
  #call(node: Node, fn: FunctionDef): void {
    this.#functionNodes += fn.body.nodeCount;
    if (this.#depth >= MAX_FUNCTION_DEPTH || this.#functionNodes > MAX_FUNCTION_NODES) {
      throw opErrors.FUNCTION_DEPTH({ node: node.label, limit: this.#depth >= MAX_FUNCTION_DEPTH ? MAX_FUNCTION_DEPTH : MAX_FUNCTION_NODES });
    }
    const body = cloneGraph(fn.body);
    bindAttributes(body, node, fn);
    body.inputs.forEach((formal, i) => this.#pass(node.input(i), formal));
    const outer = this.#opsets;
    this.#opsets = fn.opsetImports;
    this.#depth++;
    this.walk(body);
    this.#depth--;
    this.#opsets = outer;
    body.outputs.forEach((formal, i) => this.#return(formal, node.output(i)));
  }

  #pass(actual: Value | undefined, formal: Value): void {
    if (!actual) return;
    formal.type = actual.type ?? formal.type;
    this.#copyFacts(actual, formal);
  }

  #return(formal: Value, actual: Value | undefined): void {
    if (!actual) return;
    this.#settle(actual, formal.type);
    this.#copyFacts(formal, actual);
  }

  #copyFacts(from: Value, to: Value): void {
    const constant = constantOf(from, this);
    const dims = this.dims.get(from);
    if (constant) this.constants.set(to, constant);
    if (dims) this.dims.set(to, dims);
  }

  #settle(value: Value | undefined, inferred: ValueType | undefined): void {
    if (!value || !inferred) return;
    const declared = this.#declaredType(value);
    const { type, conflict } = mergeTypes(declared, inferred, "inferred");
    value.type = type;
    if (conflict && !this.#ignoreDeclared) this.#report(value, opErrors.TYPE_DECLARED({ value: value.name, declared: typeToString(declared), inferred: typeToString(inferred) }));
  }

  #declaredType(value: Value): ValueType | undefined {
    if (!this.#declared.has(value)) this.#declared.set(value, this.#ignoreDeclared ? namesOnly(value) : value.type);
    return this.#declared.get(value);
  }

  /** Small constants are computed, so that shapes that come from them are numbers. */
  #evaluate(node: Node, op: OpDef, context: NodeInference): void {
    if (!op.evaluate || op.nondeterministic || node.opType === "Constant") return;
    const inputs: (Tensor | undefined)[] = [];
    for (let i = 0; i < node.inputs.length; i++) {
      const tensor = context.constant(i);
      if (!tensor && node.inputs[i]) return;
      if (tensor && tensor.size > MAX_EVALUATED) return;
      inputs.push(tensor);
    }
    if (node.outputs.some((o) => sizeOf(o?.shape) > MAX_EVALUATED)) return;
    op.evaluate(node, inputs, context.opset)?.forEach((tensor, i) => {
      const value = node.output(i);
      if (!value) return;
      this.constants.set(value, tensor);
      this.dims.delete(value);
      this.#settle(value, { kind: "tensor", dtype: tensor.dtype, shape: tensor.dims });
    });
  }

  #report(at: Node | Value, problem: LatheError): void {
    if (this.#dead > 0) return;
    if (this.#strict && problem.code !== "OP_UNKNOWN") throw problem;
    this.#problems.set(at, problem);
  }
}

/** Rules may rely on the inputs that the signature requires. */
function requireInputs(node: Node, schema: OpSchema | undefined): void {
  schema?.inputs.forEach((parameter, index) => {
    const required = parameter.option === "single" || (parameter.option === "variadic" && parameter.min > 0);
    if (required && !node.input(index)) throw opErrors.OP_INPUTS({ node: node.label, op: node.op, input: parameter.name, index });
  });
}

/** With ignored declarations, graph outputs still lend their names: a tensor of the same rank with symbols only. */
function namesOnly(value: Value): ValueType | undefined {
  if (!value.isGraphOutput || value.type?.kind !== "tensor" || !value.type.shape) return value.origin.kind === "input" ? value.type : undefined;
  return { ...value.type, dtype: undefined, shape: value.type.shape.map((d) => (typeof d === "string" ? d : null)) };
}

const sizeOf = (shape: Shape | undefined): number => shape?.reduce<number>((n, d) => (typeof d === "number" ? n * d : n), 1) ?? 0;
