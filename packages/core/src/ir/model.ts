import { modelDisplay, modelText } from "../report/model-view.ts";
import { cloneGraph } from "./clone.ts";
import type { Attribute } from "./attribute.ts";
import { Graph } from "./graph.ts";
import { normalizeDomain } from "./node.ts";

/** A model-local function (ONNX `FunctionProto`). The body's inputs and outputs are the function's. */
export interface FunctionDef {
  readonly domain: string;
  readonly name: string;
  readonly overload: string;
  readonly body: Graph;
  /** Attributes without a default. */
  readonly attributes: readonly string[];
  /** Attributes with a default. */
  readonly attributeDefaults: ReadonlyMap<string, Attribute>;
  readonly opsetImports: Map<string, number>;
  readonly docString?: string | undefined;
  readonly metadata?: Map<string, string> | undefined;
  readonly unknown?: Uint8Array | undefined;
}

/** Key of a function in {@link Model.functions}. */
export const functionKey = (domain: string, name: string, overload = ""): string => `${normalizeDomain(domain)}::${name}::${overload}`;

/** Highest versions that ONNX Runtime 1.30 accepts; Lathe never writes above these. */
export const MAX_IR_VERSION = 13;
export const MAX_OPSET = 26;

/** An ONNX model: the main graph, the operator sets it speaks, local functions and metadata. */
export class Model {
  graph: Graph;
  irVersion: number;
  /** Domain ("" for ai.onnx) to operator-set version. */
  opsetImports: Map<string, number>;
  functions: Map<string, FunctionDef> = new Map();
  producerName = "";
  producerVersion = "";
  domain = "";
  modelVersion = 0;
  docString = "";
  metadata: Map<string, string> = new Map();
  unknown: Uint8Array | undefined;

  constructor(init: { graph?: Graph; irVersion?: number; opset?: number; opsetImports?: Iterable<readonly [string, number]> } = {}) {
    this.graph = init.graph ?? new Graph();
    this.irVersion = init.irVersion ?? 10;
    this.opsetImports = new Map(init.opsetImports ?? [["", init.opset ?? 21]]);
  }

  /** Version of the default operator set; 0 when it is not imported. */
  get opset(): number {
    return this.opsetImports.get("") ?? 0;
  }

  /** A deep copy of the structure; tensor bytes are shared, because tensors are immutable. */
  clone(): Model {
    return cloneModel(this);
  }

  /** What notebooks show. */
  [Symbol.for("Jupyter.display")](): Record<string, string> {
    return modelDisplay(this);
  }

  /** What `console.log` shows in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return modelText(this);
  }
}

/** Copies a model: new nodes, values and maps, shared tensors. */
export function cloneModel(model: Model): Model {
  const copy = new Model({ graph: cloneGraph(model.graph), irVersion: model.irVersion, opsetImports: model.opsetImports });
  copy.functions = new Map([...model.functions].map(([key, fn]) => [key, cloneFunction(fn)]));
  copy.producerName = model.producerName;
  copy.producerVersion = model.producerVersion;
  copy.domain = model.domain;
  copy.modelVersion = model.modelVersion;
  copy.docString = model.docString;
  copy.metadata = new Map(model.metadata);
  copy.unknown = model.unknown;
  return copy;
}

function cloneFunction(fn: FunctionDef): FunctionDef {
  return { ...fn, body: cloneGraph(fn.body), opsetImports: new Map(fn.opsetImports), metadata: fn.metadata && new Map(fn.metadata) };
}
