/** `Attribute` to `AttributeProto`. */
import type { Attribute } from "../ir/attribute.ts";
import type { Graph } from "../ir/graph.ts";
import { attributeKinds, type AttributeField } from "./attribute-kinds.ts";
import { unknownOf } from "./entries.ts";
import type { AttributeProto, GraphProto } from "./proto.ts";
import { sparseToProto, tensorToProto, type ExternalPlacement } from "./tensor-proto.ts";
import { typeToProto } from "./type-proto.ts";
import { encodeUtf8 } from "./utf8.ts";

export interface AttributeWriting {
  readonly graph: (graph: Graph) => GraphProto;
  readonly place: ExternalPlacement | undefined;
}

export function attributeToProto(name: string, attribute: Attribute, writing: AttributeWriting): AttributeProto {
  const { id, field } = attributeKinds[attribute.kind];
  const common: AttributeProto = { name, type: id, docString: attribute.docString, unknown: unknownOf(attribute.unknown) };
  if (attribute.ref !== undefined) return { ...common, refAttrName: attribute.ref };
  return { ...common, [field]: valueOf(attribute, writing) };
}

type Filled = Extract<Attribute, { readonly ref?: undefined }>;

function valueOf(attribute: Filled, { graph, place }: AttributeWriting): AttributeProto[AttributeField] {
  switch (attribute.kind) {
    case "string": return encodeUtf8(attribute.value);
    case "strings": return attribute.value.map(encodeUtf8);
    case "tensor": return tensorToProto(attribute.value, undefined, place);
    case "tensors": return attribute.value.map((t) => tensorToProto(t, undefined, place));
    case "sparse": return sparseToProto(attribute.value, undefined, place);
    case "sparses": return attribute.value.map((t) => sparseToProto(t, undefined, place));
    case "graph": return graph(attribute.value);
    case "graphs": return attribute.value.map(graph);
    case "type": return typeToProto(attribute.value);
    case "types": return attribute.value.map((t) => typeToProto(t) ?? {});
    default: return attribute.value;
  }
}
