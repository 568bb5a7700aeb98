/** The form that starts an optimisation. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { request, unwrap } from "../api/graphql.ts";
import { datasetsQuery, jobQuery, optimizeMutation, planQuery } from "../api/queries.ts";
import type { ModelDetail, Plan } from "../api/types.ts";
import { uploadDataset } from "../api/upload.ts";
import { draftsOf, recipeOf, stepInputsOf, type Draft } from "../forms/steps.ts";
import { newKey, useQuery, useStudio } from "./context.ts";
import { bytes } from "./format.ts";
import { go } from "./route.ts";
import { StepList } from "./step-list.tsx";
import { Upload } from "./upload.tsx";

interface StepsProps {
  readonly model: ModelDetail;
  /** Job whose steps to begin with. */
  readonly from: string | undefined;
}

export function Steps({ model, from }: StepsProps): JSX.Element {
  const { announce, fail, refresh } = useStudio();
  const [steps, setSteps] = useSteps(from);
  const [data, setData] = useState("");
  const [batch, setBatch] = useState("");
  const [seed, setSeed] = useState("");
  const [plan, setPlan] = useState<Plan>();
  const [busy, setBusy] = useState<"" | "check" | "run">("");
  const [problem, setProblem] = useState("");
  const attempt = useRef({ text: "", key: "" });
  const variables = { model: model.id, steps: stepInputsOf(steps), data: data || null };
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
    const all = { ...variables, batch: batch === "" ? null : Number(batch), seed: seed === "" ? null : Number(seed) };
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
        <Data steps={steps} data={data} onData={setData} batch={batch} onBatch={setBatch} seed={seed} onSeed={setSeed} />
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

/** Begins with the steps of a job, when one is named and all its techniques are still on offer. */
function useSteps(from: string | undefined): [readonly Draft[], (steps: readonly Draft[]) => void] {
  const { techniques, fail } = useStudio();
  const [steps, setSteps] = useState<readonly Draft[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    if (from !== undefined) {
      request(jobQuery, { id: from }, abort.signal).then(({ job }) => setSteps(draftsOf(job?.steps ?? [], techniques) ?? []), (error: unknown) => void (abort.signal.aborted || fail(error)));
    }
    return () => abort.abort();
  }, [from]);
  return [steps, setSteps];
}

interface DataProps {
  readonly steps: readonly Draft[];
  readonly data: string;
  readonly batch: string;
  readonly seed: string;
  onData(id: string): void;
  onBatch(text: string): void;
  onSeed(text: string): void;
}

const needsData = (steps: readonly Draft[]): boolean => steps.some((step) => step.technique.needs.includes("data") || needsData(step.steps));

function Data({ steps, data, onData, batch, onBatch, seed, onSeed }: DataProps): JSX.Element {
  const lists = useQuery(datasetsQuery, {});
  const needed = needsData(steps);
  const datasets = lists.data?.artifacts.nodes.filter((artifact) => artifact.kind === "DATASET") ?? [];
  return (
    <details open={needed}>
      <summary>Data and settings{needed ? ": these steps need data" : ""}</summary>
      <div class="fields">
        <div class="field">
          <label for="data">Dataset{needed && <span class="required"> required</span>}</label>
          <select id="data" value={data} required={needed} aria-describedby="data-hint" onChange={({ currentTarget }) => onData(currentTarget.value)}>
            <option value="">none</option>
            {datasets.map(({ id, name, size }) => <option key={id} value={id}>{name} ({bytes(size)})</option>)}
          </select>
          <p class="hint" id="data-hint">Samples for calibration</p>
        </div>
        <div class="field">
          <label for="batch">Batch</label>
          <input id="batch" type="number" min={1} step={1} value={batch} placeholder="1" aria-describedby="batch-hint" onInput={({ currentTarget }) => onBatch(currentTarget.value)} />
          <p class="hint" id="batch-hint">Samples in one run of the model</p>
        </div>
        <div class="field">
          <label for="seed">Seed</label>
          <input id="seed" type="number" min={0} max={2147483647} step={1} value={seed} placeholder="0" aria-describedby="seed-hint" onInput={({ currentTarget }) => onSeed(currentTarget.value)} />
          <p class="hint" id="seed-hint">Of everything random: the same seed gives the same result</p>
        </div>
      </div>
      <Upload
        label="Upload a dataset" accept=".npz" hint="An .npz file whose arrays are named like the inputs of the model; the first axis numbers the samples."
        send={(files, onProgress, signal) => uploadDataset(files[0]!, onProgress, signal)}
        onDone={({ id }) => (lists.reload(), onData(id))}
      />
    </details>
  );
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
