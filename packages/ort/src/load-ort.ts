/** Brings in ONNX Runtime on first use, so that importing this package costs nothing and works without it. */
import type { OrtModule } from "./engine/engine.ts";
import { messageOf } from "./engine/raw.ts";
import { ortErrors } from "./errors.ts";

/** @throws ORT_NOT_INSTALLED with the reason. */
export async function loadOrt(module: string, load: () => Promise<OrtModule>): Promise<OrtModule> {
  try {
    return await load();
  } catch (cause) {
    throw ortErrors.ORT_NOT_INSTALLED({ module, reason: messageOf(cause) }, cause);
  }
}
