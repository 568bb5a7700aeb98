/** `Model` to `ModelProto`. */
import type { Graph } from "../ir/graph.ts";
import type { FunctionDef, Model } from "../ir/model.ts";
import { attributeToProto } from "./attribute-to-proto.ts";
import { mapToEntries, unknownOf } from "./entries.ts";
import { graphToProto, nodesToProto, valueInfo, type GraphWriting } from "./graph-to-proto.ts";
import { Names } from "./names.ts";
import type { FunctionProto, ModelProto, Proto } from "./proto.ts";
import type { ExternalPlacement } from "./tensor-proto.ts";

/** `place` decides which tensors are kept in another file; without it all content is in the model. */
export function modelToProto(model: Model, place?: ExternalPlacement): ModelProto {
  const writing: GraphWriting = { names: new Names(), place };
  return {
    irVersion: irVersionFor(model),
    producerName: model.producerName || undefined,
    producerVersion: model.producerVersion || undefined,
    domain: model.domain || undefined,
    modelVersion: model.modelVersion || undefined,
    docString: model.docString || undefined,
    graph: graphToProto(model.graph, writing),
    opsetImport: opsets(model.opsetImports),
    metadataProps: mapToEntries(model.metadata),
    functions: Array.from(model.functions.values(), (fn) => functionToProto(fn, place)),
    unknown: unknownOf(model.unknown),
  };
}

/** Constants that callers cannot override exist since IR version 4, local functions since 8, their overloads since 10. */
function irVersionFor(model: Model): number {
  const functions = [...model.functions.values()];
  let needed = functions.length === 0 ? 1 : functions.some((fn) => fn.overload !== "") ? 10 : 8;
  for (const graph of model.graph.allGraphs()) if (graph.initializers.size > 0) needed = Math.max(needed, 4);
  return Math.max(model.irVersion, needed);
}

const opsets = (imports: ReadonlyMap<string, number>): Proto<"OperatorSetIdProto">[] =>
  Array.from(imports, ([domain, version]) => ({ domain, version }));

function functionToProto(fn: FunctionDef, place: ExternalPlacement | undefined): FunctionProto {
  // A function sees nothing of the model around it: its names are its own.
  const writing: GraphWriting = { names: new Names(), place };
  const { body } = fn;
  const inner = { place, graph: (graph: Graph) => graphToProto(graph, writing) };
  return writing.names.within(body, () => ({
    name: fn.name,
    input: body.inputs.map((value) => writing.names.of(value, "An input", body)),
    output: body.outputs.map((value) => writing.names.of(value, "An output", body)),
    attribute: fn.attributes,
    node: nodesToProto(body, writing),
    docString: fn.docString,
    opsetImport: opsets(fn.opsetImports),
    domain: fn.domain,
    attributeProto: Array.from(fn.attributeDefaults, ([name, attribute]) => attributeToProto(name, attribute, inner)),
    // A function lists inputs and outputs by name only: what is known of them goes with the rest.
    valueInfo: valueInfo(body, writing.names, body.values()),
    overload: fn.overload || undefined,
    metadataProps: mapToEntries(fn.metadata),
    unknown: unknownOf(fn.unknown),
  }));
}
