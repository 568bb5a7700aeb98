/** Models in files. */
export { fileErrors } from "./errors.ts";
export type { ExternalFileOptions } from "./external-files.ts";
export { loadModel, type LoadOptions } from "./load.ts";
export { saveModel, type ExternalDataOptions, type SaveOptions } from "./save.ts";
export { writeFiles } from "./write-file.ts";
