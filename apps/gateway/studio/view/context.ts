/** What every part of the page may ask of the page. */
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useState } from "preact/hooks";
import { request, type Document } from "../api/graphql.ts";
import type { Technique } from "../api/types.ts";

export interface Studio {
  readonly techniques: readonly Technique[];
  /** Read aloud by screen readers; not shown. */
  announce(text: string): void;
  /** Shows a failure; one of the key leads back to the sign-in form. */
  fail(error: unknown): void;
  /** The lists of models and jobs are out of date. */
  refresh(): void;
}

export const StudioContext = createContext<Studio>({ techniques: [], announce: () => undefined, fail: () => undefined, refresh: () => undefined });
export const useStudio = (): Studio => useContext(StudioContext);

export interface Loaded<T> {
  readonly data: T | undefined;
  reload(): void;
}

/** Addresses of files are good for an hour; a page that stays open longer asks again. */
const FRESH_MS = 30 * 60_000;

/** What the gateway answers. Another set of variables makes a new request; `reload` repeats it. */
export function useQuery<T, V>(document: Document<T, V>, variables: V): Loaded<T> {
  const { fail } = useStudio();
  const [data, setData] = useState<T>();
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((t) => t + 1), []);
  const text = JSON.stringify(variables);
  useEffect(() => setData(undefined), [document, text]);
  useEffect(() => {
    const abort = new AbortController();
    request(document, JSON.parse(text) as V, abort.signal).then(setData, (error: unknown) => void (abort.signal.aborted || fail(error)));
    return () => abort.abort();
  }, [document, text, turn]);
  useEffect(() => {
    const timer = setInterval(reload, FRESH_MS);
    return () => clearInterval(timer);
  }, []);
  return { data, reload };
}

/** Names a request, so that sending it twice does the work once. `crypto.randomUUID` is missing on plain http addresses. */
export const newKey = (): string => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
