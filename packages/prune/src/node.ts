/** What needs a file system: models in one compressed file. */
export { loadPacked, savePacked, type PackCodec, type PackOptions, type UnpackOptions } from "./storage/file.ts";
