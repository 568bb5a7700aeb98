import type { Pass } from "./pass.ts";

/**
 * Inputs with a default are initializers that callers may override; IR version 3 had no others. Overriding is hardly ever meant, and
 * forbids every fold.
 */
export const freezeDefaults: Pass = {
  name: "freeze-defaults",
  summary: "Turns inputs that have a default into plain weights, which callers can no longer override.",
  run(model) {
    const frozen = model.graph.inputs.filter((v) => v.tensor);
    for (const value of frozen) model.graph.freezeInput(value);
    // From version 4 on a weight need not be listed as input.
    if (frozen.length > 0) model.irVersion = Math.max(4, model.irVersion);
    return { modified: frozen.length > 0 };
  },
};
