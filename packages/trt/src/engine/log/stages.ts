/** Lines that show how far a tool has come. A build spends nearly all of its time in one stage, and says nothing of how much is left of it. */

export interface Stage {
  readonly pattern: RegExp;
  readonly message: string;
}

export const buildStages: readonly Stage[] = [
  { pattern: /^&&&& RUNNING /, message: "starts" },
  { pattern: /^Start parsing network model/, message: "reads the model" },
  { pattern: /^Finished parsing network model/, message: "times kernels and builds the engine" },
  { pattern: /^Detected \d+ inputs? and \d+ outputs? network tensors/, message: "puts the engine together" },
  { pattern: /^Engine (?:generation completed|built) in /, message: "saves the engine" },
  { pattern: /^&&&& PASSED /, message: "done" },
];

export const runStages: readonly Stage[] = [
  { pattern: /^&&&& RUNNING /, message: "starts" },
  { pattern: /^Engine deserialized in |^Loaded engine with size/, message: "prepares the run" },
  { pattern: /^Starting inference/, message: "times the engine" },
  { pattern: /^=== Performance summary ===/, message: "times the layers" },
  { pattern: /^&&&& PASSED /, message: "done" },
];
