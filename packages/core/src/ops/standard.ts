import { families } from "./families/index.ts";
import type { OpTable } from "./op.ts";
import { opTable } from "./table.ts";

/** All operators of ONNX (ai.onnx up to opset 26, ai.onnx.ml, previews) and of ONNX Runtime (com.microsoft). */
export const standardOps: OpTable = opTable(families.flat());
