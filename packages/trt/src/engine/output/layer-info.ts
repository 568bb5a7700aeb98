/** `--exportLayerInfo`: what an engine is made of. Two forms are in use, that of TensorRT 11 and an older one. */
import { engineErrors } from "../errors.ts";

export interface EngineTensor {
  readonly name: string;
  readonly dims: readonly number[] | undefined;
  /** "fp16", "int8", ...: lower case. */
  readonly dtype: string | undefined;
  /** "Row major linear", as the tool words it. */
  readonly format: string | undefined;
}

export interface EngineLayer {
  readonly name: string;
  /** What follows is there only for engines built with profilingVerbosity "detailed". */
  readonly type?: string;
  readonly inputs?: readonly EngineTensor[];
  readonly outputs?: readonly EngineTensor[];
  readonly tactic?: string;
  readonly stream?: number;
  /** Names of the ONNX nodes it came from, where the tool says so. */
  readonly nodes?: readonly string[];
}

export interface EngineBinding {
  readonly name: string;
  readonly mode?: "input" | "output";
  readonly dtype?: string;
  readonly dims?: readonly number[];
}

export interface EngineInfo {
  readonly layers: readonly EngineLayer[];
  readonly bindings: readonly EngineBinding[];
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const dims = (value: unknown): readonly number[] | undefined => (Array.isArray(value) && value.every((d) => typeof d === "number") ? value : undefined);

/** Unknown keys are passed over. @throws TRT_OUTPUT */
export function parseLayerInfo(source: string): EngineInfo {
  const root = read(source);
  if (!isObject(root) || !Array.isArray(root["Layers"])) throw engineErrors.TRT_OUTPUT({ what: "layer information", reason: "it has no list of Layers" });
  const bindings = [...list(root["Bindings"]), ...list(root["I/O Tensors"])];
  return { layers: root["Layers"].flatMap(layer), bindings: bindings.flatMap(binding) };
}

/** Backslashes of names are not always escaped. */
function read(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    try {
      return JSON.parse(source.replaceAll(/\\(?!["\\/bfnrtu])/g, "\\\\"));
    } catch {
      throw engineErrors.TRT_OUTPUT({ what: "layer information", reason: cause instanceof Error ? cause.message : String(cause) }, cause);
    }
  }
}

function layer(value: unknown): EngineLayer[] {
  if (typeof value === "string") return [{ name: value }];
  if (!isObject(value)) return [];
  const [type, tactic, stream] = [text(value["LayerType"]), text(value["TacticName"]) ?? text(value["TacticValue"]), value["StreamId"]];
  const nodes = text(value["Metadata"])?.split("\x1E").map((part) => /\[ONNX Layer: (.*)\]/.exec(part)?.[1]).filter((name) => name !== undefined) ?? [];
  return [{
    name: text(value["Name"]) ?? "",
    ...(type === undefined ? {} : { type }),
    ...(Array.isArray(value["Inputs"]) ? { inputs: value["Inputs"].flatMap(tensor) } : {}),
    ...(Array.isArray(value["Outputs"]) ? { outputs: value["Outputs"].flatMap(tensor) } : {}),
    ...(tactic === undefined ? {} : { tactic }),
    ...(typeof stream === "number" ? { stream } : {}),
    ...(nodes.length > 0 ? { nodes } : {}),
  }];
}

function tensor(value: unknown): EngineTensor[] {
  if (!isObject(value)) return typeof value === "string" ? [{ name: value, dims: undefined, dtype: undefined, format: undefined }] : [];
  const joint = split(text(value["Format/Datatype"]) ?? text(value["Format/DataType"]));
  return [{ name: text(value["Name"]) ?? "", dims: dims(value["Dimensions"]), dtype: text(value["DataType"])?.toLowerCase() ?? joint.dtype, format: text(value["Format"]) ?? joint.format }];
}

const types: Readonly<Record<string, string>> = { fp32: "fp32", float: "fp32", fp16: "fp16", half: "fp16", bf16: "bf16", bfloat16: "bf16", fp8: "fp8", int8: "int8", int4: "int4", fp4: "fp4", int32: "int32", int64: "int64", bool: "bool", uint8: "uint8", e8m0: "e8m0" };

/** "Row major linear FP32" is a format and a type in one. */
function split(joint: string | undefined): { dtype?: string | undefined; format?: string | undefined } {
  const words = joint?.split(/\s+/) ?? [];
  const at = words.findLastIndex((word) => types[word.toLowerCase()] !== undefined);
  if (at < 0) return { dtype: undefined, format: joint };
  return { dtype: types[words[at]!.toLowerCase()], format: words.filter((word, i) => i !== at && word.toLowerCase() !== "format").join(" ") };
}

function binding(value: unknown): EngineBinding[] {
  if (typeof value === "string") return [{ name: value }];
  if (!isObject(value)) return [];
  const mode = text(value["IOMode"])?.toLowerCase().replace(/^k/, "");
  const [dtype, shape] = [text(value["DataType"])?.toLowerCase(), dims(value["Dimensions"])];
  return [{ name: text(value["Name"]) ?? "", ...(mode === "input" || mode === "output" ? { mode } : {}), ...(dtype === undefined ? {} : { dtype }), ...(shape === undefined ? {} : { dims: shape }) }];
}
