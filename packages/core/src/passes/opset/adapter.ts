import type { Node } from "../../ir/node.ts";
import { Tensor } from "../../tensor.ts";
import type { Site } from "../scope.ts";

/** What a conversion step sees: the node in its graph. New nodes go in before it and must be valid from version `to` on. */
export interface Conversion extends Pick<Site, "node" | "graph" | "emit" | "constant"> {
  /** Version the model will have; steps beyond `to` follow. */
  readonly target: number;
  /** Leaves the whole model unconverted, with an error that names the node and this reason. */
  refuse(reason: string): never;
}

export interface Adapter {
  readonly op: string;
  /** The version that brought the change. */
  readonly to: number;
  convert(c: Conversion): void;
}

type Convert = Adapter["convert"];

/** The attribute is gone; it must have had the value that is now the only meaning. */
export function checkDropped(attribute: string, only: number, reason: string): Convert {
  const absent = attribute === "spatial" ? 1 : 0;
  return (c) => {
    if (c.node.int(attribute, absent) !== only) c.refuse(reason);
    c.node.removeAttribute(attribute);
  };
}

/** The attribute never changed the result of what is still legal. */
export const dropDefault = (attribute: string): Convert => (c) => c.node.removeAttribute(attribute);

/** An int or ints attribute became an int64 input: a vector, or a scalar for `int`. Without attribute nothing is added, unless there is a default. */
export function attributeToInput(attribute: string, input: number, fallback?: number): Convert {
  return (c) => {
    const tensor = intTensor(c.node, attribute, fallback);
    c.node.removeAttribute(attribute);
    if (tensor) c.node.setInput(input, c.constant(tensor, `${c.node.name || c.node.opType}_${attribute}`));
  };
}

function intTensor(node: Node, attribute: string, fallback: number | undefined): Tensor | undefined {
  const found = node.attributes.get(attribute);
  if (found?.kind === "ints") return Tensor.int64(found.value ?? []);
  if (found?.kind === "int") return Tensor.int64([found.value ?? 0], []);
  return fallback === undefined ? undefined : Tensor.int64([fallback], []);
}
