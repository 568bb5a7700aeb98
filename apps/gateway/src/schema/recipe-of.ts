import { fromRecipe, isLatheError, type Step } from "@lathe/core";
import type { Ctx } from "../app.ts";
import { gatewayErrors, withoutCode } from "../errors.ts";
import type { RecipeStepJson } from "../jobs/model.ts";
import { toRecipe } from "./step-input.ts";

const MAX_STEPS = 50;

/** Steps as given, checked by the techniques' own schemas. @throws STEP_INVALID */
export function recipeOf(ctx: Ctx, steps: readonly Readonly<Record<string, unknown>>[]): RecipeStepJson[] {
  const { offer } = ctx.app;
  if (steps.length < 1 || steps.length > MAX_STEPS) throw gatewayErrors.STEP_INVALID({ reason: `1 to ${MAX_STEPS} steps are expected, ${steps.length} came.` });
  const recipe = toRecipe(steps, offer);
  bound(ctx, recipe);
  return recipe;
}

function bound({ app: { offer } }: Ctx, recipe: readonly RecipeStepJson[]): readonly Step[] {
  try {
    return fromRecipe(offer.techniques.map((t) => t.technique), recipe).steps;
  } catch (error) {
    if (isLatheError(error)) throw gatewayErrors.STEP_INVALID({ reason: withoutCode(error.code, error.message) }, error);
    throw error;
  }
}

/** What a job has been given beside its model. */
export interface Given {
  readonly data: boolean;
  readonly labelled: boolean;
}

/** What would make a job fail for certain. @throws STEP_INVALID */
export function demandRunnable(ctx: Ctx, recipe: readonly RecipeStepJson[], given: Given): void {
  const techniques = new Set(recipe.flatMap(namesIn));
  for (const name of techniques) {
    const { unavailable } = ctx.app.offer.byName(name)!;
    if (unavailable !== undefined) throw gatewayErrors.STEP_INVALID({ reason: `"${name}" is not available: it ${unavailable}.` });
  }
  const steps = bound(ctx, recipe);
  const hungry = steps.find((step) => step.needs.includes("data"));
  if (hungry && !given.data) throw gatewayErrors.STEP_INVALID({ reason: `"${hungry.name}" needs data: upload an .npz file as a dataset and name it in "data".` });
  const judging = steps.find((step) => step.needs.includes("evaluate"));
  if (judging && !given.labelled) throw gatewayErrors.STEP_INVALID({ reason: `"${judging.name}" judges models: upload an .npz file with labels as a dataset and name it in "data" or in "evaluation".` });
}

const namesIn = (step: RecipeStepJson): string[] => [step.use, ...(step.steps ?? []).flatMap(namesIn)];
