/** Names in lexical scope while a model is read: a graph sees its own values and those of the graphs around it. */
import type { Value } from "../ir/value.ts";
import { onnxErrors } from "./graph-errors.ts";

export class Scope {
  readonly graph: string;
  readonly #outer: Scope | undefined;
  readonly #values = new Map<string, Value>();

  constructor(graph: string, outer: Scope | undefined) {
    this.graph = graph;
    this.#outer = outer;
  }

  /** @throws ONNX_NAME_EMPTY, ONNX_NAME_DUPLICATE; `what` is "Input", "Initializer" or the like. */
  define(value: Value, what: string): void {
    const { name } = value;
    if (name === "") throw onnxErrors.ONNX_NAME_EMPTY({ what, graph: this.graph });
    if (this.#values.has(name)) throw onnxErrors.ONNX_NAME_DUPLICATE({ what, name, graph: this.graph });
    this.#values.set(name, value);
  }

  /** A value of this graph itself. */
  own(name: string): Value | undefined {
    return this.#values.get(name);
  }

  /** @throws ONNX_NAME_UNDEFINED */
  resolve(name: string, reader: string): Value {
    const value = this.#find(name);
    if (value) return value;
    throw onnxErrors.ONNX_NAME_UNDEFINED({ name, reader, graph: this.graph });
  }

  #find(name: string): Value | undefined {
    return this.#values.get(name) ?? (this.#outer === undefined ? undefined : this.#outer.#find(name));
  }
}
