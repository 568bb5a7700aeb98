/** 16-bit copies of weights, and casts where values of either width meet readers of the other: one for each value and graph. */
import { attr, dtypes, Node, Value, type Graph } from "@lathe/core";
import { toHalf, type Clamped, type HalfType } from "./element.ts";
import { withFloat } from "./ports.ts";

export class Copies {
  readonly #dtype: HalfType;
  readonly #half: ReadonlySet<Value>;
  readonly #weights = new Map<Value, Value>();
  readonly #casts = new Map<Graph, Map<Value, Map<boolean, Value>>>();
  readonly clamped: Clamped = { large: 0, small: 0 };
  casts = 0;
  /** Bytes of converted weights. */
  before = 0;
  after = 0;

  /** @param half values that are 16 bits wide; it grows while nodes are converted. */
  constructor(dtype: HalfType, half: ReadonlySet<Value>) {
    this.#dtype = dtype;
    this.#half = half;
  }

  /** Weights that have a 16-bit copy. */
  get weights(): number {
    return this.#weights.size;
  }

  /** `value` in 16 bits or in float32, for a reader at `anchor`. */
  as(value: Value, half: boolean, graph: Graph, anchor: Node | undefined): Value {
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
    this.casts++;
    copies.set(half, cast.out);
    return cast.out;
  }

  /** The 16-bit copy of a weight. The float32 one stays for those that need it. */
  #weight(value: Value): Value {
    const known = this.#weights.get(value);
    if (known) return known;
    const tensor = toHalf(value.tensor!, this.#dtype, this.clamped);
    const { name } = value;
    const copy = value.graph!.addInitializer(name, tensor);
    // The public name goes to the copy; the other keeps one that tells them apart, should anything still read it.
    value.name = `${name}_float32`;
    copy.docString = value.docString;
    this.#weights.set(value, copy);
    this.before += value.tensor!.byteLength;
    this.after += tensor.byteLength;
    return copy;
  }
}
