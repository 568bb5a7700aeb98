/** Axis rules, by operator; the family files hang them on their operators. */
export * from "./attention.ts";
export * from "./conv.ts";
export * from "./elementwise.ts";
export * from "./gather.ts";
export * from "./join.ts";
export * from "./matmul.ts";
export * from "./norm.ts";
export * from "./pool.ts";
export * from "./quantize.ts";
export * from "./reduce.ts";
export * from "./reshape.ts";
export * from "./rnn.ts";
export { heldBecause } from "./build.ts";
