/** The form that starts an optimisation. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { request, unwrap } from "../api/graphql.ts";
import { jobQuery, optimizeMutation, planQuery } from "../api/queries.ts";
import type { JobDetail, ModelDetail, Plan } from "../api/types.ts";
import { emptyLent, formOf, jobOf, lentOf, type LentForm } from "../forms/lent.ts";
import { draftsOf, recipeOf, stepInputsOf, type Draft } from "../forms/steps.ts";
import { newKey, useStudio } from "./context.ts";
import { LentFields } from "./lent.tsx";
import { go } from "./route.ts";
import { StepList } from "./step-list.tsx";

interface StepsProps {
  readonly model: ModelDetail;
  /** Job whose steps to begin with. */
  readonly from: string | undefined;
}

export function Steps({ model, from }: StepsProps): JSX.Element {
  const { announce, fail, refresh } = useStudio();
  const [lent, setLent] = useState(emptyLent);
  const [steps, setSteps] = useSteps(from, setLent);
  const [plan, setPlan] = useState<Plan>();
  const [busy, setBusy] = useState<"" | "check" | "run">("");
  const [problem, setProblem] = useState("");
  const attempt = useRef({ text: "", key: "" });
  const variables = { model: model.id, steps: stepInputsOf(steps), ...lentOf(lent) };
  useEffect(() => (setPlan(undefined), setProblem("")), [JSON.stringify(variables)]);
  const work = async (kind: "check" | "run", job: () => Promise<void>): Promise<void> => {
    setBusy(kind);
    try {
      await job();
    } catch (error) {
      fail(error);
    } finally {
      setBusy("");
    }
  };
  const check = (): Promise<void> => work("check", async () => {
    const made = unwrap((await request(planQuery, variables)).plan);
    setPlan(made);
    announce(made.runnable ? "Nothing speaks against these steps." : "There are problems with these steps.");
  });
  const run = (event: SubmitEvent): void => {
    event.preventDefault();
    if (steps.length === 0) return setProblem("Add a step first.");
    const all = { ...variables, ...jobOf(lent) };
    // The same form sent again after a failure of the network is the same job.
    const text = JSON.stringify(all);
    if (attempt.current.text !== text) attempt.current = { text, key: newKey() };
    void work("run", async () => {
      const { job } = unwrap((await request(optimizeMutation, { ...all, idempotencyKey: attempt.current.key })).optimize);
      attempt.current = { text: "", key: "" };
      refresh();
      go({ job: job.id });
    });
  };
  return (
    <section class="card" aria-labelledby="steps-title">
      <h3 id="steps-title">Optimise</h3>
      <form onSubmit={run} onInvalidCapture={openAround}>
        <StepList steps={steps} onChange={setSteps} />
        <LentFields model={model} steps={steps} form={lent} onChange={(change) => setLent((before) => ({ ...before, ...change }))} />
        {steps.length > 0 && (
          <details>
            <summary>As a recipe</summary>
            <p class="hint">The same steps for a recipe file, the command line and the SDK.</p>
            <pre tabIndex={0}>{JSON.stringify(recipeOf(steps), null, 2)}</pre>
          </details>
        )}
        {plan && <PlanView plan={plan} />}
        <p role="alert" class="problem">{problem}</p>
        <div class="row">
          <button class="primary" disabled={busy !== ""}>{busy === "run" ? "Starting…" : "Run"}</button>
          <button type="button" disabled={busy !== "" || steps.length === 0} onClick={() => void check()}>{busy === "check" ? "Checking…" : "Check without running"}</button>
        </div>
      </form>
    </section>
  );
}

/** A control that is refused must be seen, so what folds it away is opened. */
function openAround(event: Event): void {
  for (let place = (event.target as HTMLElement).parentElement; place; place = place.parentElement) {
    if (place instanceof HTMLDetailsElement) place.open = true;
  }
}

/** Begins with the steps of a job, when one is named and all its techniques are still on offer, and with what it was given for them. */
function useSteps(from: string | undefined, onLent: (form: LentForm) => void): [readonly Draft[], (steps: readonly Draft[]) => void] {
  const { techniques, fail } = useStudio();
  const [steps, setSteps] = useState<readonly Draft[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    if (from !== undefined) {
      const begin = ({ job }: { job: JobDetail | null }): void => {
        setSteps(draftsOf(job?.steps ?? [], techniques) ?? []);
        if (job) onLent(formOf(job));
      };
      request(jobQuery, { id: from }, abort.signal).then(begin, (error: unknown) => void (abort.signal.aborted || fail(error)));
    }
    return () => abort.abort();
  }, [from]);
  return [steps, setSteps];
}

function PlanView({ plan }: { plan: Plan }): JSX.Element {
  const problems = plan.steps.flatMap((step) => [step, ...step.steps]).filter((step) => step.problem !== null);
  if (problems.length === 0) return <p class="good">Nothing speaks against these steps.</p>;
  return (
    <div class="problem">
      <p>On the model as it is now:</p>
      <ul>{problems.map((step, i) => <li key={i}>{step.technique}: {step.problem}</li>)}</ul>
    </div>
  );
}
