/** Values quantized at run time or ahead, found again by whoever needs them: one DynamicQuantizeLinear a tensor, one integer copy a weight. */
import { Node, Value, tensorType, type Graph } from "@lathe/core";
import { normalizeAxis, quantizeWeight, weightParams } from "../quantize-tensor.ts";
import { isSigned, type QuantType } from "../params.ts";
import type { QuantParams } from "../params.ts";

/** A quantized tensor: integer values, scale, zero point. */
export interface QuantizedValue {
  readonly values: Value;
  readonly scale: Value;
  readonly zeroPoint: Value;
  readonly axis?: number | undefined;
}

export interface WeightStyle {
  readonly dtype: QuantType;
  readonly axis: number | undefined;
  readonly symmetric?: boolean | undefined;
  readonly reduceRange: boolean;
}

export class DynamicScope {
  readonly #activations = new Map<Graph, Map<Value, QuantizedValue>>();
  readonly #weights = new Map<Value, Map<string, QuantizedValue>>();
  activations = 0;
  weights = 0;

  /** The float value as uint8 with parameters found at run time; made once a graph, right behind the value. */
  activation(value: Value, graph: Graph): QuantizedValue {
    const here = this.#activations.get(graph) ?? new Map<Value, QuantizedValue>();
    this.#activations.set(graph, here);
    const known = here.get(value);
    if (known) return known;
    const { name } = value;
    const outputs = [
      new Value(`${name}_quantized`, tensorType("uint8", value.shape)),
      new Value(`${name}_scale`, tensorType("float32", [])),
      new Value(`${name}_zero_point`, tensorType("uint8", [])),
    ];
    const node = new Node({ opType: "DynamicQuantizeLinear", name: `${name}_QuantizeLinear`, inputs: [value], outputs });
    if (value.producer?.graph === graph) graph.insertAfter(value.producer, node);
    else if (graph.firstNode) graph.insertBefore(graph.firstNode, node);
    else graph.append(node);
    this.activations++;
    return this.remember(value, graph, { values: outputs[0]!, scale: outputs[1]!, zeroPoint: outputs[2]! });
  }

  /** Lets later consumers of `value` take this quantized form. */
  remember(value: Value, graph: Graph, quantized: QuantizedValue): QuantizedValue {
    const here = this.#activations.get(graph) ?? new Map<Value, QuantizedValue>();
    this.#activations.set(graph, here.set(value, quantized));
    return quantized;
  }

  /** Integer copy of a constant, beside it in its own graph; tied weights share one copy per style. */
  weight(value: Value, style: WeightStyle): QuantizedValue {
    const key = JSON.stringify(style);
    const copies = this.#weights.get(value) ?? new Map<string, QuantizedValue>();
    this.#weights.set(value, copies);
    const known = copies.get(key);
    if (known) return known;
    const tensor = value.constant!;
    const axis = style.axis === undefined ? undefined : normalizeAxis(style.axis, tensor.dims.length, value.name);
    const symmetric = style.symmetric ?? isSigned(style.dtype);
    const params: readonly QuantParams[] = weightParams(tensor, { ...style, axis, symmetric }, value.name);
    const made = quantizeWeight(tensor, params, style.dtype, axis);
    const home = value.graph!;
    const quantized = {
      values: home.addInitializer(`${value.name}_quantized`, made.values),
      scale: home.addInitializer(`${value.name}_scale`, made.scale),
      zeroPoint: home.addInitializer(`${value.name}_zero_point`, made.zeroPoint),
      axis,
    };
    copies.set(key, quantized);
    this.weights++;
    return quantized;
  }
}
