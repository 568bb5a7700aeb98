/** Bounds that keep a hostile or damaged file from taking the process down. All may be raised for trusted files. */

export interface Limits {
  /** Deepest nesting of messages. */
  readonly nesting: number;
  /** Deepest nesting of graphs inside attributes (If, Loop, Scan bodies). */
  readonly graphNesting: number;
  /** Nodes of all graphs and functions together. */
  readonly nodes: number;
  /** Messages (nodes, tensors, attributes, dimensions ...) of the whole file. */
  readonly messages: number;
  /** Elements of all lists of numbers or strings; packed tensor data does not count, as it stays bytes. */
  readonly elements: number;
  /** UTF-8 bytes of one name. */
  readonly nameBytes: number;
  /** UTF-8 bytes of all names and texts together. */
  readonly textBytes: number;
  /** Bytes of a sparse initializer when it is made dense. */
  readonly denseBytes: number;
}

export const defaultLimits: Limits = Object.freeze({
  nesting: 64,
  graphNesting: 16,
  nodes: 1_000_000,
  messages: 8_000_000,
  elements: 32_000_000,
  nameBytes: 4096,
  textBytes: 2 ** 28,
  denseBytes: 2 ** 30,
});
