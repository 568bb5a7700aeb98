/** Dynamic quantization: needs no data, and suits models whose time goes into MatMul, Gemm and LSTM. */
import { inferShapes, type Model } from "@lathe/core";
import { rewriteDynamic, type DynamicResult } from "./dynamic/rewrite.ts";
import { dynamicOpTypes } from "./dynamic/options.ts";
import { quantizeErrors } from "./errors.ts";
import { checked, dynamicOptions, type DynamicTechniqueOptions } from "./options.ts";
import { prepare } from "./prepare.ts";
import { checkNames } from "./select.ts";
import { tuneFor } from "./tune/index.ts";
import type { z } from "zod";

export type DynamicOptionsInput = z.input<typeof dynamicOptions>;

/** First version of ai.onnx with DynamicQuantizeLinear. */
const DYNAMIC_OPSET = 11;

/** Quantizes `model` in place. @throws QUANT_ALREADY, QUANT_NOTHING_TO_DO, QUANT_UNKNOWN_NAME, QUANT_WEIGHT_NOT_FINITE, QUANT_FLOAT16 */
export function applyDynamic(model: Model, options: DynamicTechniqueOptions): DynamicResult {
  prepare(model, DYNAMIC_OPSET);
  checkNames(model.graph, options);
  const result = rewriteDynamic(model.graph, options, options);
  if (Object.keys(result.quantized).length === 0) throw quantizeErrors.QUANT_NOTHING_TO_DO({ types: (options.opTypes ?? dynamicOpTypes).join(", ") });
  tuneFor(options.target, model.graph);
  for (const node of model.graph.allNodes()) if (node.domain === "com.microsoft") model.opsetImports.set("com.microsoft", 1);
  inferShapes(model);
  return result;
}

/** Quantizes a copy of the model; the given one stays as it is. */
export function quantizeDynamic(model: Model, options: DynamicOptionsInput = {}): { model: Model; report: DynamicResult } {
  const copy = model.clone();
  return { model: copy, report: applyDynamic(copy, checked(dynamicOptions, options)) };
}
