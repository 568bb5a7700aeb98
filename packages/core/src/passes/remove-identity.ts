import { constantScalar } from "./constants.ts";
import { bypass } from "./edit.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite } from "./scope.ts";

const identity: Rewrite = ({ node }) => node.is("Identity") && node.input(0) !== undefined && bypass(node, node.input(0)!);

/** Dropout does nothing at inference. Before opset 7 and from 12 on it can also train; then it stays. */
const dropout: Rewrite = ({ node, opset }) => {
  const x = node.input(0);
  if (!node.is("Dropout") || !x || (node.output(1) && !node.output(1)!.isUnused)) return false;
  if (opset < 7 && node.int("is_test", 0) !== 1) return false;
  const training = node.input(2);
  if (training && constantScalar(training) !== 0) return false;
  return bypass(node, x);
};

/** A sum, mean, maximum, minimum or concatenation of one tensor is that tensor; so is a split into one part. */
const ofOne: Rewrite = ({ node }) => {
  const x = node.input(0);
  if (node.domain !== "" || !x) return false;
  const joins = ["Sum", "Mean", "Max", "Min", "Concat"].includes(node.opType) && node.inputs.length === 1;
  const split = node.opType === "Split" && node.outputs.length === 1;
  return (joins || split) && bypass(node, x);
};

export const removeIdentity: Pass = nodePass("remove-identity", "Removes Identity, Dropout at inference, and joins or splits of a single tensor.", identity, dropout, ofOne);
