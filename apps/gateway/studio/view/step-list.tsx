/** An ordered list of steps that can be added, moved, removed and set; techniques that run steps have such a list inside. */
import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { Fields } from "../forms/fields.tsx";
import { fieldsOf } from "../forms/schema.ts";
import { newDraft, type Draft } from "../forms/steps.ts";
import { useStudio } from "./context.ts";

interface StepListProps {
  readonly steps: readonly Draft[];
  onChange(steps: readonly Draft[]): void;
}

export function StepList({ steps, onChange }: StepListProps): JSX.Element {
  const { announce } = useStudio();
  const move = (from: number, to: number): void => {
    onChange(steps.toSpliced(from, 1).toSpliced(to, 0, steps[from]!));
    announce(`${steps[from]!.technique.name} is now step ${to + 1} of ${steps.length}.`);
  };
  const remove = (i: number): void => {
    onChange(steps.toSpliced(i, 1));
    announce(`${steps[i]!.technique.name} is removed.`);
  };
  const add = (draft: Draft): void => {
    onChange([...steps, draft]);
    announce(`${draft.technique.name} is added as step ${steps.length + 1}.`);
  };
  return (
    <>
      <ol class="steps">
        {steps.map((draft, i) => (
          <li key={draft.id}>
            <div class="step-head">
              <h4>{draft.technique.name}</h4>
              <button type="button" class="quiet" aria-label={`Move ${draft.technique.name} up`} disabled={i === 0} onClick={() => move(i, i - 1)}>↑</button>
              <button type="button" class="quiet" aria-label={`Move ${draft.technique.name} down`} disabled={i === steps.length - 1} onClick={() => move(i, i + 1)}>↓</button>
              <button type="button" class="quiet" aria-label={`Remove ${draft.technique.name}`} onClick={() => remove(i)}>Remove</button>
            </div>
            <p class="hint">{draft.technique.summary}</p>
            <StepOptions draft={draft} onChange={(next) => onChange(steps.with(i, next))} />
          </li>
        ))}
      </ol>
      <AddStep onAdd={add} />
    </>
  );
}

function StepOptions({ draft, onChange }: { draft: Draft; onChange(draft: Draft): void }): JSX.Element {
  const { technique, options, steps, id } = draft;
  const fields = fieldsOf(technique.options);
  const needed = fields.filter((field) => field.required);
  const others = fields.filter((field) => !field.required);
  const set = Object.keys(options).filter((name) => others.some((field) => field.key === name)).length;
  const change = (next: Draft["options"]): void => onChange({ ...draft, options: next });
  return (
    <>
      {needed.length > 0 && <Fields fields={needed} options={options} prefix={`step-${id}`} onChange={change} />}
      {others.length > 0 && (
        <details>
          <summary>{others.length} options{set > 0 ? `, ${set} changed` : ", all at their defaults"}</summary>
          <Fields fields={others} options={options} prefix={`step-${id}`} onChange={change} />
        </details>
      )}
      {technique.takesSteps && (
        <fieldset>
          <legend>Steps inside {technique.name}</legend>
          <StepList steps={steps} onChange={(inner) => onChange({ ...draft, steps: inner })} />
        </fieldset>
      )}
    </>
  );
}

function AddStep({ onAdd }: { onAdd(draft: Draft): void }): JSX.Element {
  const { techniques } = useStudio();
  const id = useId();
  const [name, setName] = useState("");
  const chosen = techniques.find((technique) => technique.name === name);
  const add = (): void => {
    if (!chosen) return;
    onAdd(newDraft(chosen));
    setName("");
  };
  return (
    <div class="add-step">
      <label for={id}>Add a step</label>
      <div class="row">
        <select id={id} value={name} aria-describedby={`${id}-hint`} onChange={({ currentTarget }) => setName(currentTarget.value)}>
          <option value="">choose a technique</option>
          {techniques.map((t) => <option key={t.name} value={t.name} disabled={!t.available}>{t.name}{t.available ? "" : ` (${t.unavailableReason ?? "not available here"})`}</option>)}
        </select>
        <button type="button" disabled={!chosen} onClick={add}>Add</button>
      </div>
      <p class="hint" id={`${id}-hint`}>{chosen?.summary ?? "Steps run one after the other, each on what the one before made."}</p>
    </div>
  );
}
