/**
 * What `@lathe/core/node` is in a browser bundle (export condition "browser"): its functions by name, refusing. Packages import that
 * entry on first use of a file; this keeps bundlers from pulling in Node's own modules.
 */
import { fileErrors } from "./node/errors.ts";

export { fileErrors };

const nodeOnly = (name: string) => (): never => {
  throw fileErrors.FILE_NODE_ONLY({ name });
};

export const loadModel = nodeOnly("loadModel");
export const saveModel = nodeOnly("saveModel");
export const writeFiles = nodeOnly("writeFiles");
export const readBytes = nodeOnly("readBytes");
export const readNpy = nodeOnly("readNpy");
export const readNpz = nodeOnly("readNpz");
export const readIdx = nodeOnly("readIdx");
export const imageFolder = nodeOnly("imageFolder");
