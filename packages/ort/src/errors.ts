import { defineErrors, isLatheError, type LatheError } from "@lathe/core";
import { FaultError, type Fault } from "./engine/raw.ts";

const stderrOf = (stderr: string): string => (stderr === "" ? "" : ` It last wrote: ${stderr}.`);

export const ortErrors = defineErrors({
  ORT_NOT_INSTALLED: {
    text: (d: { module: string; reason: string }) => `The package ${d.module} could not be loaded: ${d.reason}.`,
    remedy: "Install it beside @lathe/ort (npm install onnxruntime-node, or onnxruntime-web for browsers).",
  },
  ORT_LOAD_FAILED: {
    text: (d: { model: string; reason: string }) => `ONNX Runtime refused the model (${d.model}): ${d.reason}.`,
    remedy: "Check the model with verify(model); ONNX Runtime 1.30 reads IR versions up to 13 and ai.onnx opsets up to 26.",
  },
  ORT_RUN_FAILED: {
    text: (d: { model: string; reason: string }) => `ONNX Runtime failed while running the model (${d.model}): ${d.reason}.`,
    remedy: "Check the shapes and element types of the fed tensors against the model's inputs.",
  },
  ORT_DTYPE: {
    text: (d: { name: string; dtype: string }) => `${d.name} has the element type ${d.dtype}, which ONNX Runtime's JavaScript binding cannot take or give.`,
    remedy: "Put a Cast next to the graph's input or output, so that only float32, float16, float64, integers, bool or string cross the boundary.",
  },
  ORT_FEED: {
    text: (d: { problem: string; name: string; known: readonly string[] }) => `"${d.name}" ${d.problem}. The model has: ${d.known.join(", ")}.`,
    remedy: "Use exactly the names of the model's inputs and outputs (session.inputs, session.outputs).",
  },
  ORT_OPTION: {
    text: (d: { option: string; expected: string; received: string }) => `Option ${d.option} takes ${d.expected} but ${d.received} came.`,
    remedy: "Correct the option.",
  },
  ORT_DISPOSED: {
    text: () => "The session was used after dispose().",
    remedy: "Load the model again.",
  },
  ORT_TIMEOUT: {
    text: (d: { what: string; timeoutMs: number; placement: string }) => `${d.what} took longer than ${d.timeoutMs} ms in a ${d.placement} and was given up.`,
    remedy: "Allow more time with timeoutMs, or make the model or the batch smaller.",
  },
  ORT_CRASHED: {
    text: (d: { what: string; exitCode: number | null; signal: string | null; stderr: string }) =>
      `${d.what} ended because the engine's process died (${d.signal ? `signal ${d.signal}` : `exit code ${d.exitCode}`}).${stderrOf(d.stderr)}`,
    remedy: "The next run starts a fresh process. If it repeats, run the model with optimization \"disabled\" to find the failing operator.",
  },
  ORT_OUT_OF_MEMORY: {
    text: (d: { what: string; limit: number | undefined; stderr: string }) =>
      d.limit === undefined
        ? `${d.what} ended because the system killed the engine's process, which it does when memory runs out.${stderrOf(d.stderr)}`
        : `${d.what} ended because the engine's process went over its limit of ${d.limit} bytes of memory.`,
    remedy: "Use smaller batches, fewer threads or memoryPattern: false, or allow more memory.",
  },
  ORT_NO_WORKER: {
    text: (d: { placement: string; reason: string }) => `The ${d.placement} for ONNX Runtime could not be started: ${d.reason}.`,
    remedy: "Use placement \"inline\", or report this with your Node version and bundler.",
  },
  ORT_PROFILE: {
    text: (d: { reason: string }) => `ONNX Runtime wrote no usable profile: ${d.reason}.`,
    remedy: "Check that the temporary folder can be written.",
  },
  ORT_NO_SAMPLES: {
    text: (d: { helper: string }) => `${d.helper} was given no samples.`,
    remedy: "Give at least one set of inputs.",
  },
  ORT_OUTPUTS_DIFFER: {
    text: (d: { name: string; a: string; b: string }) => `"${d.name}" cannot be compared: it is ${d.a} in the one model and ${d.b} in the other.`,
    remedy: "Compare models with the same outputs, or name the tensors to compare.",
  },
  ORT_NODE_ONLY: {
    text: (d: { name: string }) => `${d.name} of @lathe/ort needs Node and is not in a browser bundle.`,
    remedy: "Use webRuntime in pages, and measure or profile in Node.",
  },
});

/** The error for a fault that the engine (perhaps in a worker) found. */
export function errorOf(fault: Fault, cause?: unknown): LatheError {
  return ortErrors[fault.code](fault.details as never, cause);
}

/** Turns engine faults into errors of the catalogue; leaves everything else alone. */
export async function withErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FaultError && !isLatheError(error)) throw errorOf(error.fault, error.cause);
    throw error;
  }
}
