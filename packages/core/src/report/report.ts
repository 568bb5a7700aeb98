import type { Model } from "../ir/model.ts";
import type { OpTable } from "../ops/op.ts";
import { dimSymbols } from "../ops/dim.ts";
import { stats, type ModelStats } from "../stats.ts";
import { modelSize } from "../stats-size.ts";
import { jsonOf, type StepRecord } from "../technique/run-step.ts";
import type { ReportData, ReportExtras } from "./data.ts";
import { environment } from "./environment.ts";
import { reportFragment, reportHtml } from "./html.ts";
import { reportMarkdown, reportText, type TextOptions } from "./text.ts";

/** A report: JSON data with renderers. */
export class Report {
  readonly data: ReportData;

  constructor(data: ReportData) {
    this.data = data;
  }

  /** A report with more in it: accuracy, benchmark, tables, curves, notes, another title. Lists are added to those that are there. */
  with(extras: ReportExtras): Report {
    const { data } = this;
    const joined = <K extends "accuracy" | "tables" | "curves" | "notes">(key: K): object => (extras[key] ? { [key]: [...(data[key] ?? []), ...extras[key]] } : {});
    return new Report(plain({
      ...data, ...extras, ...joined("accuracy"), ...joined("tables"), ...joined("curves"), ...joined("notes"),
      environment: { ...data.environment, ...extras.environment },
    }));
  }

  toJSON(): ReportData {
    return this.data;
  }

  toText(options?: TextOptions): string {
    return reportText(this.data, options);
  }

  toMarkdown(): string {
    return reportMarkdown(this.data);
  }

  /** One self-contained file. */
  toHtml(): string {
    return reportHtml(this.data);
  }

  /** What notebooks show. */
  [Symbol.for("Jupyter.display")](): Record<string, string> {
    return { "text/html": reportFragment(this.data), "text/markdown": this.toMarkdown(), "text/plain": this.toText() };
  }

  /** What `console.log` shows in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](_depth: number, options: { readonly colors?: boolean } = {}): string {
    return this.toText({ color: options.colors });
  }
}

/** Weights beyond this are not read only to count zeros. */
const MAX_SPARSITY_BYTES = 2 ** 29;

export interface RunFacts {
  readonly before: Model;
  readonly after: Model;
  readonly steps: readonly StepRecord[];
  readonly seed: number;
  readonly elapsedMs: number;
  readonly ops: OpTable;
  /** Values for symbolic dimensions, for work and memory. */
  readonly bindings?: Readonly<Record<string, number>> | undefined;
}

export function makeReport({ before, after, steps, seed, elapsedMs, ops, bindings = {} }: RunFacts): Report {
  const measure = (model: Model): ModelStats =>
    stats(model, { ops, bindings: boundIn(model, bindings), sparsity: modelSize(model).bytes <= MAX_SPARSITY_BYTES });
  const title = steps.map((step) => step.name).join(" → ");
  return new Report(plain({ version: 1, title, seed, elapsedMs, environment: environment(), before: measure(before), after: measure(after), steps }));
}

/** The same as JSON has it; a report's data is JSON by its types but for numbers that are not finite. */
const plain = (data: ReportData): ReportData => jsonOf(data) as unknown as ReportData;

/** A step may take symbols away: the model that lacks one does without it. */
function boundIn(model: Model, bindings: Readonly<Record<string, number>>): Record<string, number> {
  const symbols = new Set(model.graph.inputs.flatMap((v) => (v.shape ?? []).flatMap(dimSymbols)));
  return Object.fromEntries(Object.entries(bindings).filter(([symbol]) => symbols.has(symbol)));
}
