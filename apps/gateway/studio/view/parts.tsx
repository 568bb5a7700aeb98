/** Small things that several parts of the page use. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Problem } from "../api/types.ts";

let opened = 0;

/** Heading of what was just opened. The focus goes there, so that keyboards and screen readers go on from the new content. */
export function Heading({ children }: { children: ComponentChildren }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (opened++ > 0) heading.current?.focus();
  }, []);
  return <h2 ref={heading} tabIndex={-1}>{children}</h2>;
}

export function Figure({ label, value, title }: { label: string; value: string; title?: string | undefined }): JSX.Element {
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd title={title}>{value}</dd>
    </div>
  );
}

export const stateText: Readonly<Record<string, string>> = {
  QUEUED: "waiting", RUNNING: "running", CANCELLING: "stopping", SUCCEEDED: "done", FAILED: "failed", CANCELLED: "cancelled",
};

/** Messages of the gateway may begin with their code already. */
export const problemText = ({ code, message }: Problem): string => (message.startsWith(code) ? message : `${code}: ${message}`);

export const State = ({ state }: { state: string }): JSX.Element => <span class={`state is-${state.toLowerCase()}`}>{stateText[state] ?? state}</span>;
