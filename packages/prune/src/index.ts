/** Pruning of exported models: whole channels and heads (the model shrinks), or single weights. */
export { pruneErrors } from "./errors.ts";
export { dependencyGraph, type DependencyGraph, type DependencyOptions, type Group, type Member, type Unit } from "./structure/dependency-graph.ts";
export { cut, zeroUnits, type Selection } from "./structure/cut.ts";
export { plannedParameters } from "./structure/planned.ts";
export { prepare } from "./structure/prepare.ts";
export { criterion, normalize, type Criterion, type CriterionName, type Normalizer, type Reduction } from "./importance/criteria.ts";
export { selectUnits, type Scored, type SelectOptions } from "./importance/select.ts";
export { channelOptions, pruneChannels, type ChannelOptions } from "./channels.ts";
export { pruneWeights, weightOptions, type WeightOptions } from "./weights.ts";
export { constantSparsity, iterativeSparsity, polynomialDecay, updatesAt, type PolynomialDecay } from "./sparse/schedule.ts";
export { countOf, nOfM, randomMask, smallest, type Mask } from "./sparse/masks.ts";
