/** What a training run tells while it goes on. */
import type { EpochRecord } from "./fit.ts";

export interface StartEvent {
  readonly type: "start";
  /** Trained tensors and their elements. */
  readonly parameters: number;
  readonly elements: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Estimated peak of a step: parameters, state and intermediate results, in bytes. The engine needs some more for itself. */
  readonly memoryBytes: number;
  /** Steps that a checkpoint has already done; 0 for a fresh run. */
  readonly resumedAt: number;
}

export interface StepEvent {
  readonly type: "step";
  /** Steps done, with this one. */
  readonly step: number;
  readonly totalSteps: number;
  /** From 0. */
  readonly epoch: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly learningRate: number;
  readonly stepMs: number;
  readonly examplesPerSecond: number;
  /** Milliseconds left at the pace of this run so far. */
  readonly etaMs: number;
}

export interface EpochEvent extends EpochRecord {
  readonly type: "epoch";
  readonly elapsedMs: number;
}

export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly step: number;
  readonly bytes: number;
}

export interface EndEvent {
  readonly type: "end";
  readonly steps: number;
  readonly stopped: "done" | "early";
}

export type FitEvent = StartEvent | StepEvent | EpochEvent | CheckpointEvent | EndEvent;

/** A step event that nobody has read yet makes room for the next one. */
export const supersedes = (next: FitEvent, last: FitEvent): boolean => next.type === "step" && last.type === "step";
