/** What needs a file system: models in files of any size, with external data. Everything else is in the main entry. */
export * from "./node/files.ts";
export * from "./node/data.ts";
