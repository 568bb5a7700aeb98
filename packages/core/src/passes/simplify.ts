/** The default list of passes, run until nothing changes. */
import type { Model } from "../ir/model.ts";
import { fixpoint, countNodes, runPass, sequence } from "./compose.ts";
import { passContext, type PassContextInit } from "./context.ts";
import { deadCode } from "./dead-code.ts";
import { commonSubexpressions } from "./cse.ts";
import { passErrors } from "./errors.ts";
import { foldPad } from "./fold-pad.ts";
import { fuseAttention } from "./fuse-attention.ts";
import { fuseGelu } from "./fuse-gelu.ts";
import { fuseNorm } from "./fuse-norm.ts";
import { fuseSoftmax } from "./fuse-softmax.ts";
import { fuseHardSwish, fuseSwish } from "./fuse-swish.ts";
import { inlineFunctions } from "./inline-functions.ts";
import { inlineIf } from "./inline-if.ts";
import { mergeInitializers } from "./merge-initializers.ts";
import { mergeMoves } from "./merge-moves.ts";
import { convertOpsetPass } from "./opset/convert-opset.ts";
import { pushTransposes } from "./push-transpose.ts";
import { toGemm } from "./to-gemm.ts";
import { foldAffine } from "./fold-affine.ts";
import { foldBatchNorm } from "./fold-batchnorm.ts";
import { constantNodes, foldConstants } from "./fold-constants.ts";
import { freezeDefaults } from "./freeze-defaults.ts";
import { inferTypes, shapeConstants } from "./infer-pass.ts";
import type { Pass, PassContext, PassRun } from "./pass.ts";
import { pruneFunctions, pruneOpsets } from "./prune-imports.ts";
import { removeIdentity } from "./remove-identity.ts";
import { removeNoop } from "./remove-noop.ts";

/** Run once, before the others. */
const first: readonly Pass[] = [freezeDefaults, inlineFunctions, constantNodes];

/** Run again and again until none changes anything. */
const repeated: readonly Pass[] = [
  inferTypes,
  removeIdentity,
  shapeConstants,
  foldConstants,
  inlineIf,
  removeNoop,
  mergeMoves,
  pushTransposes,
  mergeInitializers,
  commonSubexpressions,
  foldPad,
  foldBatchNorm,
  foldAffine,
  toGemm,
  fuseGelu,
  fuseNorm,
  fuseSoftmax,
  fuseHardSwish,
  deadCode,
];

/** Run once at the end. */
const last: readonly Pass[] = [pruneFunctions, pruneOpsets, inferTypes];

/** All passes of {@link simplifyModel} that can be disabled, in order. */
export const simplifyPasses: readonly Pass[] = [...new Set([...first, ...repeated, ...last])];

/** Passes that run only when asked for, after the repeated ones: their operators are new, and not all engines run them. */
export const optionalPasses: readonly Pass[] = [fuseSwish, fuseAttention];

export interface SimplifyOptions {
  /** Names of {@link optionalPasses} to run as well. */
  readonly enable?: readonly string[];
  /** Names of passes to leave out; see {@link simplifyPasses}. */
  readonly disable?: readonly string[];
  /** Newest operators that may be written: the model is converted to this operator set first. Default: it keeps its own. */
  readonly opset?: number;
  /** Most rounds over the list (default 20). */
  readonly rounds?: number;
}

/** What a pass did in all its runs together. */
export interface PassReport {
  readonly name: string;
  readonly runs: number;
  /** Runs that changed something. */
  readonly modified: number;
  /** Nodes fewer than before; negative when the pass adds nodes that others then remove. */
  readonly removedNodes: number;
  readonly milliseconds: number;
}

export interface SimplifyReport {
  readonly passes: readonly PassReport[];
  readonly nodesBefore: number;
  readonly nodesAfter: number;
}

/**
 * Simplifies `model` in place; inputs, outputs, their names and the results stay.
 * With `opset` it computes the same by newer operators; a model that is newer already keeps its operator set.
 * @throws PASS_UNKNOWN_NAME for a name in `disable` or `enable` that no pass has; PASS_BROKE_MODEL when `init.verifyBetween` finds a defect;
 * OPSET_CANNOT_CONVERT, after which the model is simplified in part: give a clone when the original matters.
 */
export async function simplifyModel(model: Model, options: SimplifyOptions = {}, init: PassContextInit = {}): Promise<SimplifyReport> {
  const extra = chosen(options.enable ?? [], optionalPasses);
  chosen(options.disable ?? [], simplifyPasses);
  const runs: PassRun[] = [];
  const ctx: PassContext = passContext({ ...init, disabled: [...(init.disabled ?? []), ...(options.disable ?? [])], ran: (run) => (runs.push(run), init.ran?.(run)) });
  const nodesBefore = countNodes(model);
  const declared = new Map(model.graph.inputs.map((value) => [value, value.type]));
  for (const pass of options.opset === undefined ? first : [...first, inferTypes, shapeConstants, foldConstants, convertOpsetPass(options.opset)]) await runPass(pass, model, ctx);
  await fixpoint(sequence("simplify", [...repeated, ...extra]), options.rounds).run(model, ctx);
  for (const pass of last) await runPass(pass, model, ctx);
  // Inference names the open sizes of inputs; the signature stays as it was.
  for (const value of model.graph.inputs) value.type = declared.get(value) ?? value.type;
  return { passes: summarise(runs), nodesBefore, nodesAfter: countNodes(model) };
}

/** @throws PASS_UNKNOWN_NAME */
function chosen(names: readonly string[], passes: readonly Pass[]): readonly Pass[] {
  const known = passes.map((p) => p.name);
  for (const name of names) if (!known.includes(name)) throw passErrors.PASS_UNKNOWN_NAME({ name, known });
  return passes.filter((p) => names.includes(p.name));
}

function summarise(runs: readonly PassRun[]): PassReport[] {
  const names = [...new Set(runs.map((run) => run.pass))];
  return names.map((name) => {
    const own = runs.filter((run) => run.pass === name);
    const sum = (of: (run: PassRun) => number): number => own.reduce((total, run) => total + of(run), 0);
    return { name, runs: own.length, modified: sum((r) => Number(r.modified)), removedNodes: sum((r) => r.nodesBefore - r.nodesAfter), milliseconds: sum((r) => r.milliseconds) };
  });
}
