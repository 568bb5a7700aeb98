import { defineErrors, isLatheError, type LatheError } from "@lathe/core";

/** Codes that end up in the API as `code` of a user error, in the error of a failed job, or on the operator's terminal. */
export const gatewayErrors = defineErrors({
  STORE_IN_USE: {
    text: (d: { folder: string; holder: string }) => `The data folder "${d.folder}" is in use by ${d.holder}; two processes on one embedded database would lose data.`,
    remedy: "Stop that process, choose another folder, or set DATABASE_URL so that several gateways can share one Postgres.",
  },
  STORE_VERSION: {
    text: (d: { folder: string; found: string; expected: string }) => `The data folder "${d.folder}" was written by ${d.found}; this program embeds ${d.expected}, which cannot read it.`,
    remedy: "Start the version that wrote it, or choose an empty folder.",
  },
  STORE_FAILED: {
    text: (d: { action: string; reason: string }) => `The file store failed at ${d.action}: ${d.reason}.`,
    remedy: "Check the address of the bucket, the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_REGION.",
  },
  DUMP_INVALID: {
    text: (d: { folder: string; reason: string }) => `The dump in "${d.folder}" cannot be used: ${d.reason}.`,
    remedy: "Export again, with the version of the gateway that will import it.",
  },
  DUMP_TARGET: {
    text: (d: { what: string }) => `${d.what} is not empty, and nothing of it may be overwritten.`,
    remedy: "Name an empty folder to export to, and import into a new database.",
  },
  MIGRATION_AHEAD: {
    text: (d: { found: number; known: number }) => `The database has schema version ${d.found}; this program knows versions up to ${d.known}.`,
    remedy: "Start a newer gateway.",
  },
  TECHNIQUE_MODULE: {
    text: (d: { module: string; reason: string }) => `The technique module "${d.module}" cannot be used: ${d.reason}.`,
    remedy: "Name an installed package, or the URL of a module, that exports techniques.",
  },
  TECHNIQUE_CLASH: {
    text: (d: { name: string }) => `Two of the techniques offered are called "${d.name}".`,
    remedy: "Offer each name once.",
  },
  OPERATIONS_FILE: {
    text: (d: { file: string; reason: string }) => `The file of operations "${d.file}" cannot be used: ${d.reason}.`,
    remedy: "Give a JSON list of operations, or an object of operations by id, that fit schema.graphql.",
  },
  LISTEN_FAILED: {
    text: (d: { host: string; port: number; reason: string }) => `The gateway cannot listen on ${d.host}, port ${d.port}: ${d.reason}.`,
    remedy: "Choose another --port or --host, or stop the program that has it.",
  },
  NOT_FOUND: {
    text: (d: { what: string; id: string }) => `There is no ${d.what} with the id "${d.id}".`,
    remedy: "Use an id that this API gave you; things of other owners are not shown.",
  },
  INVALID_INPUT: {
    text: (d: { at: string; expected: string; received: string }) => `${d.at} expects ${d.expected}, but ${d.received} came.`,
    remedy: "Correct the input.",
  },
  STEP_INVALID: {
    text: (d: { reason: string }) => `The steps cannot run: ${d.reason}`,
    remedy: "See the technique's options in the query `techniques`.",
  },
  UPLOAD_MISSING: {
    text: (d: { digest: string }) => `The bytes of ${d.digest} have not arrived.`,
    remedy: "PUT them to the URL that uploadCreate gave.",
  },
  UPLOAD_MISMATCH: {
    text: (d: { digest: string; received: string }) => `The bytes sent for ${d.digest} have the SHA-256 ${d.received}; they were thrown away.`,
    remedy: "Send them again.",
  },
  UPLOAD_TOO_LARGE: {
    text: (d: { size: number; limit: number }) => `A file of ${d.size} bytes is over the limit of ${d.limit}.`,
    remedy: "Send a smaller file, or raise limits.uploadBytes.",
  },
  MODEL_INVALID: {
    text: (d: { reason: string }) => `The model cannot be read: ${d.reason}`,
    remedy: "Check the file with onnx.checker or `lathe inspect`.",
  },
  IDEMPOTENCY_CONFLICT: {
    text: (d: { key: string }) => `The idempotency key "${d.key}" was used before for another request.`,
    remedy: "Use a fresh key for each new request.",
  },
  JOB_STATE: {
    text: (d: { action: string; state: string }) => `A job that is ${d.state} cannot be ${d.action}.`,
    remedy: "Look at the job's state first.",
  },
  IN_USE: {
    text: (d: { what: string; reason: string }) => `${d.what} cannot be deleted: ${d.reason}.`,
    remedy: "Wait for the job, or cancel it.",
  },
  TOO_MANY: {
    text: (d: { what: string; limit: number }) => `You have ${d.limit} ${d.what} already, which is the limit.`,
    remedy: "Wait until some of them are done.",
  },
  FORBIDDEN: {
    text: (d: { scope: string }) => `This key lacks the scope "${d.scope}".`,
    remedy: "Use a key that has it.",
  },
  CHILD_CRASHED: {
    text: (d: { how: string; said: string }) => `The process that worked on the model ended abnormally (${d.how})${d.said === "" ? ", without a word" : `. It said last: ${d.said}`}.`,
    remedy: "The model or its options bring the engine down; try other steps, or report it with the model.",
  },
  OUT_OF_MEMORY: {
    text: (d: { limit: number }) => `The work needed more than the ${d.limit} bytes of memory that one attempt may use.`,
    remedy: "Use a smaller model or batch, or raise limits.memoryBytes.",
  },
  RESULT_TOO_LARGE: {
    text: (d: { limit: number }) => `What the work tells of its result is longer than the ${d.limit} characters that the gateway reads.`,
    remedy: "Models and reports have no such limit: it is the metrics of a step, its options or a model's figures that are too many.",
  },
  TIMED_OUT: {
    text: (d: { ms: number }) => `The work was not done within ${d.ms} ms.`,
    remedy: "Use fewer samples or steps, or raise limits.attemptMs.",
  },
  WORKER_LOST: {
    text: (d: { attempts: number }) => `The worker was lost in ${d.attempts} attempts.`,
    remedy: "Look at the logs of the workers; retryJob starts again.",
  },
});

export type GatewayCode = Exclude<keyof typeof gatewayErrors, "$rows">;

/** Of what went wrong in the gateway's own surroundings the log tells; a client cannot do anything about it. */
const internal: ReadonlySet<string> = new Set<GatewayCode>(["STORE_FAILED"]);

/** One of our errors, with a message that is meant for whoever made the request. */
export const isForClient = (error: unknown): error is LatheError => isLatheError(error) && !internal.has(error.code);

/** A message without its code, which has a field of its own wherever the gateway tells of an error. */
export const withoutCode = (code: string, message: string): string => (message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message);

export const problemFrom = ({ code, message }: { readonly code: string; readonly message: string }): { code: string; message: string } => ({ code, message: withoutCode(code, message) });
