/** Names while a model is written: the values' own where they are free, else made unique. The model is not touched. */
import type { Graph } from "../ir/graph.ts";
import type { Value } from "../ir/value.ts";
import { onnxErrors } from "./graph-errors.ts";

export class Names {
  readonly #names = new Map<Value, string>();
  /** Names in use in the open scopes. */
  readonly #taken = new Set<string>();
  /** Where the search for a free suffix goes on. */
  readonly #next = new Map<string, number>();

  /**
   * Opens the scope of a graph, runs `body` in it and closes it again. Public names (inputs, outputs) are served first.
   * Names of outer scopes are never reused inside: ONNX forbids shadowing.
   */
  within<T>(graph: Graph, body: () => T): T {
    const own: Value[] = [];
    const define = (value: Value, fallback: string): void => {
      if (this.#names.has(value)) return;
      this.#names.set(value, this.#claim(value.name || fallback));
      own.push(value);
    };
    for (const value of graph.inputs) define(value, "input");
    for (const value of graph.outputs) if (value.graph === graph) define(value, "output");
    for (const value of graph.initializers) define(value, "constant");
    for (const node of graph.nodes) {
      node.outputs.forEach((value, index) => {
        if (value) define(value, `${node.opType}_${index}`);
      });
    }
    const result = body();
    for (const value of own) {
      this.#taken.delete(this.#names.get(value)!);
      this.#names.delete(value);
    }
    return result;
  }

  /** @throws ONNX_ENCODE_SCOPE when the value belongs to no open scope. */
  of(value: Value, reader: string, graph: Graph): string {
    const name = this.#names.get(value);
    if (name === undefined) throw onnxErrors.ONNX_ENCODE_SCOPE({ value: value.name, reader, graph: graph.name });
    return name;
  }

  #claim(base: string): string {
    let name = base;
    for (let i = this.#next.get(base) ?? 1; this.#taken.has(name); i++) {
      name = `${base}_${i}`;
      this.#next.set(base, i + 1);
    }
    this.#taken.add(name);
    return name;
  }
}
