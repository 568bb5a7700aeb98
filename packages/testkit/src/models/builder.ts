import { inferShapes, Model, random, Tensor, type Attribute, type Graph, type Random, type Value } from "@lathe/core";

/** Appends layers with seeded weights to a graph. */
export class LayerBuilder {
  readonly model: Model;
  readonly #rng: Random;
  readonly #counts = new Map<string, number>();

  constructor(seed: number, opset: number) {
    this.model = new Model({ opset });
    this.model.producerName = "lathe testkit";
    this.#rng = random(seed);
  }

  get graph(): Graph {
    return this.model.graph;
  }

  /** A node with one output, named after its operator: "Conv", "Conv_2" ... */
  node(opType: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    const name = this.#fresh(opType);
    return this.graph.add({ opType, name, inputs, outputs: [`${name}_out`], attributes }).out;
  }

  /** A weight drawn from a normal distribution of standard deviation sqrt(2 / fanIn) (He et al. 2015), so that signals keep their size. */
  weight(name: string, dims: readonly number[], fanIn: number): Value {
    const scale = Math.sqrt(2 / fanIn);
    return this.#initializer(name, dims, () => this.#rng.normal() * scale);
  }

  /** Values spread evenly between two numbers. */
  uniform(name: string, dims: readonly number[], least: number, greatest: number): Value {
    return this.#initializer(name, dims, () => least + (greatest - least) * this.#rng.float());
  }

  int64(name: string, values: readonly number[]): Value {
    return this.graph.addInitializer(this.#fresh(name), Tensor.int64(values));
  }

  scalar(name: string, value: number): Value {
    return this.graph.addInitializer(this.#fresh(name), Tensor.scalar("float32", value));
  }

  /** Names the result, makes it the output and fills in all types. */
  finish(output: Value, name: string): Model {
    output.name = name;
    this.graph.addOutput(output);
    inferShapes(this.model, { strict: true });
    return this.model;
  }

  #initializer(name: string, dims: readonly number[], draw: () => number): Value {
    const size = dims.reduce((product, d) => product * d, 1);
    return this.graph.addInitializer(this.#fresh(name), Tensor.from("float32", dims, Float32Array.from({ length: size }, draw)));
  }

  #fresh(name: string): string {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return count === 1 ? name : `${name}_${count}`;
  }
}
