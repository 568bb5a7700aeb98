import { convertOpset, isLatheError, type Model } from "@lathe/core";

/** Raises the operator set in place. With `mayFail` a model that cannot be converted stays as it is. @throws OPSET_CANNOT_CONVERT */
export function raiseOpset(model: Model, to: number, mayFail = false): void {
  if (model.opset >= to) return;
  // A failed conversion leaves the model as it was.
  try {
    convertOpset(model, to);
  } catch (error) {
    if (!mayFail || !isLatheError(error, "OPSET_CANNOT_CONVERT")) throw error;
  }
}
