/**
 * Errors with a stable code, one sentence that says what happened and where, and the remedy.
 * Each package keeps one catalogue made with {@link defineErrors}; the docs page is generated from it.
 */

/** Facts of one failure, for programs: node name, op type, tensor, option, expected, received, path. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface LatheErrorInit {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/** Every error that Lathe throws on purpose. Test `code`, never `instanceof`: two copies of core may meet in one tree. */
export class LatheError extends Error {
  readonly code: string;
  readonly remedy: string;
  readonly details: ErrorDetails;

  constructor(init: LatheErrorInit) {
    super(`${init.code}: ${init.message} ${init.remedy}`, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = "LatheError";
    this.code = init.code;
    this.remedy = init.remedy;
    this.details = init.details ?? {};
  }

  toJSON(): { code: string; message: string; remedy: string; details: ErrorDetails } {
    return { code: this.code, message: this.message, remedy: this.remedy, details: this.details };
  }
}

/** True for an error of ours, also from another copy of core. */
export function isLatheError(error: unknown, code?: string): error is LatheError {
  if (!(error instanceof Error)) return false;
  const candidate = error as Partial<LatheError>;
  return typeof candidate.code === "string" && typeof candidate.remedy === "string" && (code === undefined || candidate.code === code);
}

/** One row of a catalogue: how to say what happened, and what to do about it. */
export interface ErrorRow<D extends object = never> {
  readonly text: (details: D) => string;
  readonly remedy: string;
}

export type ErrorMaker<D extends object> = (details: D, cause?: unknown) => LatheError;

export type Catalogue<T> = {
  readonly [C in keyof T]: T[C] extends ErrorRow<infer D> ? ErrorMaker<D> : never;
} & { readonly $rows: readonly CatalogueRow[] };

/** What the docs generator prints. */
export interface CatalogueRow {
  readonly code: string;
  readonly remedy: string;
}

/**
 * Makes a catalogue. Keys are the stable codes.
 *
 * @example
 * const errors = defineErrors({
 *   UNKNOWN_OP: {
 *     text: (d: { op: string; node: string }) => `Node "${d.node}" uses the operator ${d.op}, which is not in the op table.`,
 *     remedy: "Add it with standardOps.extend(...).",
 *   },
 * });
 * throw errors.UNKNOWN_OP({ op: "Foo", node: "foo_1" });
 */
export function defineErrors<T extends Record<string, ErrorRow<never>>>(rows: T): Catalogue<T> {
  const made: Record<string, unknown> = {
    $rows: Object.entries(rows).map(([code, row]) => ({ code, remedy: row.remedy })),
  };
  for (const [code, row] of Object.entries(rows)) {
    made[code] = (details: never, cause?: unknown) =>
      new LatheError({ code, message: row.text(details), remedy: row.remedy, details, cause });
  }
  return made as Catalogue<T>;
}
