/** `ModelProto` to `Model`. */
import { Graph } from "../ir/graph.ts";
import { functionKey, Model, type FunctionDef } from "../ir/model.ts";
import { normalizeDomain } from "../ir/node.ts";
import { attributeFromProto } from "./attribute-from-proto.ts";
import { encodeProto } from "./encode.ts";
import { entriesToMap, joinBytes } from "./entries.ts";
import { onnxErrors } from "./graph-errors.ts";
import { graphFromProto, readNodes, readValueInfo, type GraphReading } from "./graph-from-proto.ts";
import type { FunctionProto, ModelProto, Proto } from "./proto.ts";
import { Scope } from "./scope.ts";

export function modelFromProto(proto: ModelProto, reading: GraphReading): Model {
  if (!proto.graph) throw onnxErrors.ONNX_NO_GRAPH({});
  const irVersion = exact(proto.irVersion ?? 0, "The IR version", 1);
  const model = new Model({ graph: graphFromProto(proto.graph, reading), irVersion, opsetImports: opsets(proto.opsetImport, irVersion) });
  for (const each of proto.functions ?? []) addFunction(model, each, reading);
  model.producerName = proto.producerName ?? "";
  model.producerVersion = proto.producerVersion ?? "";
  model.domain = proto.domain ?? "";
  model.docString = proto.docString ?? "";
  model.modelVersion = modelVersion(proto, reading);
  model.metadata = entriesToMap(proto.metadataProps, "the model", reading.notice) ?? new Map();
  model.unknown = joinBytes(keptAside(proto));
  return model;
}

function exact(value: number | bigint, what: string, min: number): number {
  if (typeof value === "bigint" || value < min) throw onnxErrors.ONNX_NUMBER({ what, received: String(value) });
  return value;
}

function modelVersion({ modelVersion: version = 0 }: ModelProto, { notice }: GraphReading): number {
  if (typeof version === "bigint") notice({ code: "INEXACT_VERSION", message: `The model version ${version} was rounded to ${Number(version)}.` });
  return Number(version);
}

/** Before IR version 3 a model without imports speaks version 1. */
function opsets(imports: readonly Proto<"OperatorSetIdProto">[] | undefined, irVersion: number): Map<string, number> {
  const map = new Map<string, number>();
  for (const { domain: raw, version: rawVersion = 0 } of imports ?? []) {
    const domain = normalizeDomain(raw);
    const version = exact(rawVersion, `The version of operator set "${domain}"`, 0);
    const first = map.get(domain);
    if (first !== undefined && first !== version) throw onnxErrors.ONNX_OPSET_CONFLICT({ domain, first, second: version });
    map.set(domain, version);
  }
  if (map.size === 0 && irVersion < 3) map.set("", 1);
  return map;
}

function addFunction(model: Model, proto: FunctionProto, reading: GraphReading): void {
  const made = functionFromProto(proto, model.irVersion, reading);
  const key = functionKey(made.domain, made.name, made.overload);
  if (model.functions.has(key)) throw onnxErrors.ONNX_NAME_DUPLICATE({ what: "Function", name: key, graph: model.graph.name });
  model.functions.set(key, made);
}

function functionFromProto(proto: FunctionProto, irVersion: number, reading: GraphReading): FunctionDef {
  const name = proto.name ?? "";
  const body = new Graph(name);
  const scope = new Scope(name, undefined);
  for (const input of proto.input ?? []) scope.define(body.addInput(input), "Input");
  readNodes(proto.node ?? [], body, scope, reading);
  for (const output of proto.output ?? []) body.addOutput(scope.resolve(output, "An output"));
  readValueInfo(proto.valueInfo ?? [], scope, reading);
  const inner = { ...reading, graph: (graph: Parameters<typeof graphFromProto>[0]) => graphFromProto(graph, reading) };
  return {
    domain: normalizeDomain(proto.domain),
    name,
    overload: proto.overload ?? "",
    body,
    attributes: proto.attribute ?? [],
    attributeDefaults: new Map((proto.attributeProto ?? []).map((each) => [each.name ?? "", attributeFromProto(each, name, inner)])),
    opsetImports: opsets(proto.opsetImport, irVersion),
    docString: proto.docString,
    metadata: entriesToMap(proto.metadataProps, `function "${name}"`, reading.notice),
    unknown: joinBytes(proto.unknown),
  };
}

/** Training and device placement have no form in the IR: they stay encoded, as unknown fields do. */
function keptAside({ trainingInfo, configuration, unknown = [] }: ModelProto): readonly Uint8Array[] {
  if (!trainingInfo?.length && !configuration?.length) return unknown;
  return [encodeProto("ModelProto", { trainingInfo, configuration }), ...unknown];
}
