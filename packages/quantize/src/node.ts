/** What needs a file system: packages of models. */
export * from "./package/index.ts";
