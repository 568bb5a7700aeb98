/** One control for each option. Nothing is sent for a control that was left at its default. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { Json } from "../api/types.ts";
import { boundsOf, type Field } from "./schema.ts";
import type { Options } from "./steps.ts";

interface FieldsProps {
  readonly fields: readonly Field[];
  readonly options: Options;
  /** Begins the ids of the controls. */
  readonly prefix: string;
  onChange(options: Options): void;
}

export function Fields({ fields, options, prefix, onChange }: FieldsProps): JSX.Element {
  return (
    <div class="fields">
      {fields.map((field) => (
        <FieldView key={field.key} field={field} id={`${prefix}-${field.key}`} value={options[field.key]} onChange={(value) => onChange(changed(options, field.key, value))} />
      ))}
    </div>
  );
}

function changed(options: Options, key: string, value: Json | undefined): Options {
  const { [key]: _, ...rest } = options;
  return value === undefined ? rest : { ...rest, [key]: value };
}

interface FieldProps<F extends Field = Field> {
  readonly field: F;
  readonly id: string;
  readonly value: Json | undefined;
  onChange(value: Json | undefined): void;
}

type Of<K extends Field["kind"]> = Extract<Field, { kind: K }>;

function FieldView({ field, id, value, onChange }: FieldProps): JSX.Element {
  if (field.kind === "choices") return <Several field={field} id={id}><Choices field={field} id={id} value={value} onChange={onChange} /></Several>;
  if (field.kind === "group") {
    const change = (inner: Options): void => onChange(Object.keys(inner).length === 0 ? undefined : (inner as Json));
    return <Several field={field} id={id}><More summary="Options"><Fields fields={field.fields} options={(value ?? {}) as Options} prefix={id} onChange={change} /></More></Several>;
  }
  return (
    <div class={`field of-${field.kind}`}>
      <label for={id}>
        {field.key}
        {field.required && <span class="required"> required</span>}
      </label>
      <Control field={field} id={id} value={value} onChange={onChange} />
      <Hint field={field} id={id} />
    </div>
  );
}

/** A number of controls under one name. */
const Several = ({ field, id, children }: { field: Field; id: string; children: ComponentChildren }): JSX.Element => (
  <fieldset class={`field of-${field.kind}`} aria-describedby={`${id}-hint`}>
    <legend>{field.key}</legend>
    <Hint field={field} id={id} />
    {children}
  </fieldset>
);

const More = ({ summary, children }: { summary: string; children: ComponentChildren }): JSX.Element => (
  <details>
    <summary>{summary}</summary>
    {children}
  </details>
);

function Choices({ field, value, onChange }: FieldProps<Of<"choices">>): JSX.Element {
  const chosen = (value ?? field.fallback ?? []) as readonly Json[];
  const toggle = (choice: Json): void => {
    const next = field.choices.filter((c) => (c === choice) !== chosen.includes(c));
    onChange(next.length === 0 && (field.fallback === undefined || same(field.fallback, [])) ? undefined : [...next]);
  };
  return (
    <More summary={chosen.length === 0 ? "Choose" : `${chosen.length} chosen: ${chosen.join(", ")}`}>
      <div class="choices">
        {field.choices.map((choice) => (
          <label key={String(choice)}>
            <input type="checkbox" checked={chosen.includes(choice)} onChange={() => toggle(choice)} /> {String(choice)}
          </label>
        ))}
      </div>
    </More>
  );
}

const same = (a: Json | undefined, b: Json | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

function Control({ field, id, value, onChange }: FieldProps): JSX.Element {
  const common = { id, required: field.required, "aria-describedby": `${id}-hint` };
  switch (field.kind) {
    case "boolean":
      if (typeof field.fallback !== "boolean" && !field.required) return <Choice field={{ ...field, kind: "choice", choices: [true, false] }} id={id} value={value} onChange={onChange} />;
      return <input {...common} required={false} type="checkbox" checked={(value ?? field.fallback ?? false) === true} onChange={({ currentTarget: { checked } }) => onChange(checked === field.fallback ? undefined : checked)} />;
    case "number":
      return <NumberInput field={field} id={id} value={value} onChange={onChange} />;
    case "choice":
      return <Choice field={field} id={id} value={value} onChange={onChange} />;
    case "text":
      return <input {...common} type="text" value={(value as string | undefined) ?? ""} placeholder={textOf(field.fallback)} onInput={({ currentTarget: { value: text } }) => onChange(text === "" ? undefined : text)} />;
    case "lines":
      return <LinesInput field={field} id={id} value={value} onChange={onChange} />;
    default:
      return <JsonInput field={field} id={id} value={value} onChange={onChange} />;
  }
}

function LinesInput({ id, field, value, onChange }: FieldProps): JSX.Element {
  const [text, setText] = useState(((value ?? []) as string[]).join("\n"));
  const read = (typed: string): void => {
    setText(typed);
    const lines = typed.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    onChange(lines.length === 0 ? undefined : lines);
  };
  return <textarea id={id} rows={2} required={field.required} aria-describedby={`${id}-hint`} placeholder="one per line" value={text} onInput={({ currentTarget }) => read(currentTarget.value)} />;
}

function NumberInput({ field, id, value, onChange }: FieldProps<Of<"number">>): JSX.Element {
  const { integer, minimum, maximum, above, below } = field;
  const check = (input: HTMLInputElement): void => {
    const number = input.valueAsNumber;
    const outside = (above !== undefined && number <= above) || (below !== undefined && number >= below);
    input.setCustomValidity(outside ? `The number must be ${boundsOf(field)}.` : "");
    onChange(Number.isNaN(number) ? undefined : number);
  };
  return (
    <input
      id={id} type="number" required={field.required} aria-describedby={`${id}-hint`} inputMode={integer ? "numeric" : "decimal"}
      step={integer ? 1 : "any"} min={minimum} max={maximum} value={(value as number | undefined) ?? ""} placeholder={textOf(field.fallback)}
      onInput={({ currentTarget }) => check(currentTarget)}
    />
  );
}

function Choice({ field, id, value, onChange }: FieldProps<Of<"choice">>): JSX.Element {
  const pick = (text: string): void => onChange(text === "" ? undefined : (JSON.parse(text) as Json));
  return (
    <select id={id} required={field.required} aria-describedby={`${id}-hint`} value={value === undefined ? "" : JSON.stringify(value)} onChange={({ currentTarget }) => pick(currentTarget.value)}>
      <option value="">{field.required ? "choose" : field.fallback === undefined ? "default" : `default: ${textOf(field.fallback)}`}</option>
      {field.choices.map((choice) => <option key={JSON.stringify(choice)} value={JSON.stringify(choice)}>{choice === true ? "yes" : choice === false ? "no" : String(choice)}</option>)}
    </select>
  );
}

/** Text that is no JSON yet stays in the control and keeps the form from being sent. */
function JsonInput({ field, id, value, onChange }: FieldProps): JSX.Element {
  const [text, setText] = useState(value === undefined ? "" : JSON.stringify(value, null, 1));
  const read = (input: HTMLTextAreaElement): void => {
    setText(input.value);
    input.setCustomValidity("");
    if (input.value.trim() === "") return onChange(undefined);
    try {
      onChange(JSON.parse(input.value) as Json);
    } catch {
      input.setCustomValidity("This is not JSON.");
      onChange(undefined);
    }
  };
  return <textarea id={id} class="json" rows={3} required={field.required} aria-describedby={`${id}-hint`} spellcheck={false} placeholder={textOf(field.fallback) || "JSON"} value={text} onInput={({ currentTarget }) => read(currentTarget)} />;
}

const textOf = (value: Json | undefined): string => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));

function Hint({ field, id }: { field: Field; id: string }): JSX.Element {
  const { description, fallback, kind } = field;
  const parts = [description, boundsOf(field), kind === "json" ? "as JSON" : "", fallback === undefined || same(fallback, []) ? "" : `default: ${fallback === true ? "yes" : fallback === false ? "no" : textOf(fallback)}`];
  return <p class="hint" id={`${id}-hint`}>{parts.filter((part) => part !== "").join("; ")}</p>;
}
