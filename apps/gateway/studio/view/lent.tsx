/** Controls for what steps are lent beside the model: data, a way to judge, a teacher. */
import type { ComponentChildren, JSX } from "preact";
import { request, unwrap } from "../api/graphql.ts";
import { choicesQuery, deleteDatasetMutation } from "../api/queries.ts";
import type { DatasetLine, ModelDetail } from "../api/types.ts";
import { uploadDataset } from "../api/upload.ts";
import { metrics, needs, type LentForm } from "../forms/lent.ts";
import type { Draft } from "../forms/steps.ts";
import { useQuery, useStudio } from "./context.ts";
import { bytes } from "./format.ts";
import { Upload } from "./upload.tsx";

interface LentProps {
  readonly model: ModelDetail;
  readonly steps: readonly Draft[];
  readonly form: LentForm;
  onChange(change: Partial<LentForm>): void;
}

export function LentFields({ model, steps, form, onChange }: LentProps): JSX.Element {
  const { data, reload } = useQuery(choicesQuery, {});
  const datasets = (data?.artifacts.nodes ?? []).map((set): Choice => [set.id, `${set.name} (${bytes(set.size)})`]);
  const models = (data?.models.nodes ?? []).map(({ id, name, fileBytes }): Choice => [id, `${name} (${bytes(fileBytes)})`]);
  const [hungry, judging, training] = [needs(steps, "data"), needs(steps, "evaluate"), needs(steps, "trainer")];
  const unlabelled = judging && form.data === "";
  const text = (key: keyof LentForm) => ({ value: form[key], onInput: ({ currentTarget: { value } }: JSX.TargetedEvent<HTMLInputElement>) => onChange({ [key]: value }) });
  const pick = (key: keyof LentForm, choices: readonly Choice[], none: string) => ({ id: key, value: form[key], choices, none, onPick: (value: string) => onChange({ [key]: value }) });
  return (
    <>
      <details open={hungry}>
        <summary>Data and settings{hungry ? ": these steps need data" : ""}</summary>
        <div class="fields">
          <Select label="Dataset" hint="Samples for calibration and training; steps that train or judge find their labels in it" required={hungry} {...pick("data", datasets, "none")} />
          <Labelled id="batch" label="Batch" hint="Samples in one run of the model">
            <input id="batch" type="number" min={1} max={1_000_000} step={1} placeholder="1" aria-describedby="batch-hint" {...text("batch")} />
          </Labelled>
          <Labelled id="seed" label="Seed" hint="Of everything random: the same seed gives the same result">
            <input id="seed" type="number" min={0} max={2147483647} step={1} placeholder="0" aria-describedby="seed-hint" {...text("seed")} />
          </Labelled>
          <Labelled id="name" label="Name of the result" hint="Default: the model's name with the steps added">
            <input id="name" type="text" maxLength={200} aria-describedby="name-hint" {...text("name")} />
          </Labelled>
        </div>
        <Upload
          label="Upload a dataset" accept=".npz" hint="An .npz file whose arrays are named like the inputs of the model; the first axis numbers the samples. Labels are an array of their own in it."
          send={(files, onProgress, signal) => uploadDataset(files[0]!, onProgress, signal)}
          onDone={({ id }) => (reload(), onChange(judging && form.data !== "" ? { judgeData: id } : { data: id }))}
        />
        <DeleteDataset chosen={data?.artifacts.nodes.find(({ id }) => id === form.data)} onDone={(id) => (reload(), onChange({ data: "", ...(form.judgeData === id ? { judgeData: "" } : {}) }))} />
      </details>
      <details open={judging}>
        <summary>Judging models{judging ? ": these steps need labels" : ""}</summary>
        <div class="fields">
          <Select label="Evaluation data" hint="Samples with labels by which models are judged" required={unlabelled} {...pick("judgeData", datasets, form.data === "" ? "none" : "the dataset above")} />
          <Select label="Figure" hint="How outputs and labels make a score" {...pick("metric", metrics.slice(1), metrics[0]![1])} />
          <Labelled id="labels" label="Labels" hint={'Name of their array; default: the only one that the model does not take, or "labels"'}>
            <input id="labels" type="text" maxLength={200} spellcheck={false} aria-describedby="labels-hint" {...text("labels")} />
          </Labelled>
          <Select label="Predictions" hint={'Output that is compared with the labels; default: the only one, or "logits"'} {...pick("output", model.stats.outputs.map(({ name, type }): Choice => [name, `${name} ${type}`]), "default")} />
        </div>
      </details>
      <details open={training}>
        <summary>Teacher{training ? ": these steps can learn from one" : ""}</summary>
        <div class="fields">
          <Select label="Teacher model" hint="The model whose answers training may match; it takes the same inputs" {...pick("teacher", models, "this model, as it is now")} />
        </div>
      </details>
    </>
  );
}

/** A value and what the user reads. */
type Choice = readonly [value: string, text: string];

interface LabelledProps {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly required?: boolean;
  readonly children: ComponentChildren;
}

const Labelled = ({ id, label, hint, required = false, children }: LabelledProps): JSX.Element => (
  <div class="field">
    <label for={id}>{label}{required && <span class="required"> required</span>}</label>
    {children}
    <p class="hint" id={`${id}-hint`}>{hint}</p>
  </div>
);

interface SelectProps extends Omit<LabelledProps, "children"> {
  readonly value: string;
  readonly choices: readonly Choice[];
  /** What it means to choose nothing. */
  readonly none: string;
  onPick(value: string): void;
}

/** A choice that is not in the list, because it is older than what the list shows, stays chosen. */
function Select({ value, choices, none, onPick, ...field }: SelectProps): JSX.Element {
  const { id, required = false } = field;
  const absent = value !== "" && !choices.some(([known]) => known === value);
  return (
    <Labelled {...field}>
      <select id={id} value={value} required={required} aria-describedby={`${id}-hint`} onChange={({ currentTarget }) => onPick(currentTarget.value)}>
        <option value="">{none}</option>
        {absent && <option value={value}>as it was chosen before</option>}
        {choices.map(([known, text]) => <option key={known} value={known}>{text}</option>)}
      </select>
    </Labelled>
  );
}

function DeleteDataset({ chosen, onDone }: { chosen: DatasetLine | undefined; onDone(id: string): void }): JSX.Element | null {
  const { announce, fail } = useStudio();
  if (!chosen) return null;
  const { id, name } = chosen;
  const remove = async (): Promise<void> => {
    if (!confirm(`Delete the dataset ${name}?`)) return;
    try {
      unwrap((await request(deleteDatasetMutation, { id })).deleteDataset);
      announce(`${name} is deleted.`);
      // The button goes with the choice; the keyboard goes on from where the choice is made.
      document.getElementById("data")?.focus();
      onDone(id);
    } catch (error) {
      fail(error);
    }
  };
  return <button type="button" class="quiet" onClick={() => void remove()}>Delete the dataset {name}</button>;
}
