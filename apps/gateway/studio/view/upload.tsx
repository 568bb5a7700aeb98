/** A place to drop files on, with a button that does the same. */
import type { JSX } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import type { OnProgress, UploadProgress } from "../api/upload.ts";
import { percent } from "./format.ts";
import { useStudio } from "./context.ts";

interface UploadProps<T> {
  readonly label: string;
  readonly hint: string;
  /** Names of files that a picker shows first; default: all. */
  readonly accept?: string;
  readonly multiple?: boolean;
  send(files: readonly File[], onProgress: OnProgress, signal: AbortSignal): Promise<T>;
  onDone(value: T): void;
}

const phases: Readonly<Record<UploadProgress["phase"], string>> = { hash: "Computing the checksum", send: "Sending", read: "The gateway reads it" };

export function Upload<T>({ label, hint, accept, multiple = false, send, onDone }: UploadProps<T>): JSX.Element {
  const { announce, fail } = useStudio();
  const [progress, setProgress] = useState<UploadProgress>();
  const [over, setOver] = useState(false);
  const abort = useRef<AbortController>();
  const id = useId();
  const start = async (files: readonly File[]): Promise<void> => {
    if (files.length === 0 || progress) return;
    const controller = (abort.current = new AbortController());
    const phaseOf = { last: "" };
    const onProgress = (now: UploadProgress): void => {
      setProgress(now);
      if (phaseOf.last !== now.phase) announce(phases[(phaseOf.last = now.phase) as UploadProgress["phase"]]);
    };
    onProgress({ phase: "hash", fraction: 0 });
    try {
      const value = await send(files, onProgress, controller.signal);
      announce(`${files[0]!.name} is uploaded.`);
      onDone(value);
    } catch (error) {
      if (controller.signal.aborted) announce("The upload was stopped.");
      else fail(error);
    } finally {
      setProgress(undefined);
    }
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    void start([...(event.dataTransfer?.files ?? [])]);
  };
  return (
    <div class={`upload ${over ? "over" : ""}`} onDragOver={(event) => (event.preventDefault(), setOver(true))} onDragLeave={() => setOver(false)} onDrop={drop}>
      <label for={id}>{label}</label>
      <input id={id} type="file" accept={accept} multiple={multiple} disabled={progress !== undefined} aria-describedby={`${id}-hint`} onChange={({ currentTarget }) => {
        const files = [...(currentTarget.files ?? [])];
        currentTarget.value = "";
        void start(files);
      }} />
      <p class="hint" id={`${id}-hint`}>{hint}</p>
      {progress && (
        <div class="running">
          <progress aria-label={phases[progress.phase]} value={progress.phase === "read" ? undefined : progress.fraction} max={1} />
          <span>{phases[progress.phase]}{progress.phase === "send" ? `: ${percent(progress.fraction)}` : "…"}</span>
          <button type="button" onClick={() => abort.current?.abort()}>Stop</button>
        </div>
      )}
    </div>
  );
}
