/**
 * A pass edits a model and says whether it changed anything; a list of passes is a pass; so is a fixpoint of one.
 */
import type { Model } from "../ir/model.ts";
import type { OpTable } from "../ops/op.ts";
import type { Tensor } from "../tensor.ts";
import type { Node } from "../ir/node.ts";

export interface PassContext {
  readonly ops: OpTable;
  /** Names of passes that must not run. */
  readonly disabled: ReadonlySet<string>;
  readonly signal?: AbortSignal;
  /** Tells of something left alone or doubtful. */
  warn(warning: { code: string; message: string; node?: string }): void;
  /** Largest tensor, in bytes, that folding may create. */
  readonly maxFoldBytes: number;
  /**
   * Computes a node whose inputs are all constant, when core's own small evaluator cannot (optional; lent by the runtime package).
   * Must use ONNX Runtime with optimisation disabled.
   */
  readonly evaluate?: (node: Node, inputs: readonly (Tensor | undefined)[], opsetImports: ReadonlyMap<string, number>) => Promise<readonly Tensor[] | undefined>;
  /** Checks the model after each pass that changed it (for tests and for finding a broken pass). */
  readonly verifyBetween?: boolean;
  /** Called after each pass that ran; for reports and progress. */
  readonly ran?: (run: PassRun) => void;
}

/** One run of one pass. Nodes are those of the main graph, functions and all subgraphs. */
export interface PassRun {
  readonly pass: string;
  readonly modified: boolean;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  readonly milliseconds: number;
}

export interface PassResult {
  readonly modified: boolean;
}

export interface Pass {
  readonly name: string;
  /** One sentence for docs and --help. */
  readonly summary: string;
  /** Edits `model` in place. */
  run(model: Model, ctx: PassContext): PassResult | Promise<PassResult>;
}
