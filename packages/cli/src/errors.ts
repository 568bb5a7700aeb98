import { defineErrors } from "@lathe/core";

export const cliErrors = defineErrors({
  CLI_NO_DATA: {
    text: (d: { technique: string }) => `"${d.technique}" needs data to run the model on.`,
    remedy: "Give --data with an .npz file or a folder of them, or --random-data COUNT for a dry run.",
  },
  CLI_NO_LABELS: {
    text: (d: { technique: string }) => `"${d.technique}" judges models and needs labelled data for it.`,
    remedy: "Give --data (or --eval-data) with an array of labels beside the inputs; --labels names the array, or a .npy or IDX file.",
  },
  CLI_USAGE: {
    text: (d: { message: string }) => `The command line cannot be read: ${d.message}.`,
    remedy: "See lathe --help and the help of the command.",
  },
  CLI_NO_PUPIL: {
    text: (d: { technique: string }) => `--teacher was given, and no step trains (${d.technique}).`,
    remedy: "Leave it out, or add a step that trains: distill, finetune or quantize-aware.",
  },
  CLI_ONE_WAY: {
    text: (d: { given: readonly string[] }) => `${d.given.join(" and ")} cannot be given together.`,
    remedy: "Choose one way to quantize; a recipe (lathe optimize) runs several steps.",
  },
  CLI_BAD_VALUE: {
    text: (d: { flag: string; expected: string; received: string }) => `${d.flag} expects ${d.expected} but got "${d.received}".`,
    remedy: "See --help for the values it takes.",
  },
  CLI_DATA_PATH: {
    text: (d: { path: string; reason: string }) => `The data at "${d.path}" cannot be read: ${d.reason}.`,
    remedy: "Give an .npz file whose arrays are named like the model's inputs, or a folder of such files (one sample each).",
  },
  CLI_RECIPE: {
    text: (d: { path: string; reason: string }) => `The recipe "${d.path}" cannot be read: ${d.reason}.`,
    remedy: 'A recipe is a JSON list such as [{"use": "simplify"}, {"use": "quantize-dynamic"}].',
  },
  CLI_NO_GATEWAY: {
    text: () => "The gateway is not installed beside the command line.",
    remedy: "Install @lathe/gateway in the same project, or run it from its repository: apps/gateway.",
  },
  CLI_SAME_FILE: {
    text: (d: { path: string }) => `The output "${d.path}" is the input file.`,
    remedy: "Write to another file, or pass --force to replace the input.",
  },
  CLI_DIFFERENT: {
    text: (d: { what: string; value: number; limit: number }) => `${d.what} is ${d.value}, beyond the limit of ${d.limit}.`,
    remedy: "Look at the per-output table, or raise the limit.",
  },
  CLI_DATA_ROWS: {
    text: (d: { path: string; rows: Readonly<Record<string, number>> }) =>
      `The arrays in "${d.path}" do not have the same number of samples: ${Object.entries(d.rows).map(([name, n]) => `"${name}" has ${n}`).join(", ")}.`,
    remedy: "The first axis of every array counts the samples; arrays of another form go into a folder with one .npz file for each run.",
  },
  CLI_SYMBOL: {
    text: (d: { symbol: string; known: readonly string[] }) => `No input of the model has the symbolic dimension "${d.symbol}" (there are: ${d.known.join(", ") || "none"}).`,
    remedy: "Name a symbol that lathe inspect shows among the inputs.",
  },
  CLI_TRT_ERRORS: {
    text: (d: { errors: number; release: string }) => `${d.errors} ${d.errors === 1 ? "thing stands" : "things stand"} in the way of an engine of TensorRT ${d.release}.`,
    remedy: "See the errors above; each says what to do.",
  },
  CLI_BINDING: {
    text: (d: { value: string }) => `"${d.value}" is not a size for a symbolic dimension.`,
    remedy: "Write --bind NAME=SIZE, for instance --bind batch=1.",
  },
});
