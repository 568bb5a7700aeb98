/** The gateway's client for Node and browsers: uploads, jobs as async iterables, downloads. */
import { JobHandle, JOB, MODEL, PROBLEM } from "./job.ts";
import { sourceOf, type Bytes } from "./source.ts";
import { textOf, type Operation, type VariablesFor } from "./operation.ts";
import { request, settled, subscribe, type Connection } from "./transport.ts";
import type { JobInfo, ModelInfo, StepInput } from "./types.ts";
import { sendAll } from "./upload.ts";

export { GatewayError, type Connection } from "./transport.ts";
export { JobHandle } from "./job.ts";
export type { Operation } from "./operation.ts";
export type { Bytes } from "./source.ts";
export type * from "./types.ts";

/** A thing by itself or by its id. */
export type Ref = string | { readonly id: string };

export interface OptimizeOptions {
  readonly data?: Ref;
  /** Samples of the data in one run of the model. */
  readonly batch?: number;
  readonly seed?: number;
  /** How steps that judge models do it; default: accuracy on `data`. */
  readonly evaluation?: { readonly data?: Ref; readonly metric?: "ACCURACY" | "TOP5" | "NEGATIVE_MSE"; readonly labels?: string; readonly output?: string };
  /** The model whose answers training may match; default: the model itself, as it came in. */
  readonly teacher?: Ref;
  readonly name?: string;
  readonly idempotencyKey?: string;
}

export interface Client {
  /** Any operation of schema.graphql, as text. @throws GatewayError */
  query<T>(text: string, variables?: object): Promise<T>;
  /** One with types of its own: see `@lathe/gateway/graphql`. @throws GatewayError */
  query<Result, Variables>(operation: Operation<Result, Variables>, ...variables: VariablesFor<Variables>): Promise<Result>;
  /** Results of a subscription until it is complete. @throws GatewayError; TypeError when the connection breaks: `JobHandle` comes back by itself */
  subscribe<Result, Variables>(operation: Operation<Result, Variables>, ...variables: VariablesFor<Variables>): AsyncGenerator<Result, void, undefined>;
  /** Sends a model: bytes, a Blob, or the path of a file. @throws GatewayError */
  upload(bytes: Bytes, options?: { readonly name?: string; readonly data?: Readonly<Record<string, Bytes>> }): Promise<ModelInfo>;
  /** Sends an .npz file with calibration data. */
  uploadDataset(bytes: Bytes, options?: { readonly name?: string }): Promise<{ readonly id: string; readonly name: string }>;
  model(id: string): Promise<ModelInfo | null>;
  /** Its files go when nothing else refers to them. @throws GatewayError IN_USE while an unfinished job works on it, NOT_FOUND */
  deleteModel(model: Ref): Promise<void>;
  /** @throws GatewayError IN_USE while an unfinished job works on it, NOT_FOUND, INVALID_INPUT for an artifact of another kind */
  deleteDataset(dataset: Ref): Promise<void>;
  optimize(model: Ref, steps: readonly StepInput[], options?: OptimizeOptions): Promise<JobHandle>;
  benchmark(models: readonly Ref[], options?: { readonly rounds?: number; readonly data?: Ref; readonly idempotencyKey?: string }): Promise<JobHandle>;
  job(id: string): Promise<JobHandle>;
  /** The bytes of a model's graph file. */
  download(model: ModelInfo): Promise<Uint8Array>;
}

const COMPLETE = `mutation ($input: UploadCompleteInput!) { uploadComplete(input: $input) { __typename
  ... on ModelCreated { model { ${MODEL} } } ... on DatasetCreated { dataset { id name } } ${PROBLEM} } }`;
const OPTIMIZE = `mutation ($model: ID!, $steps: [StepInput!]!, $data: ID, $batch: Int, $seed: Int, $evaluation: EvaluationInput, $teacher: ID, $name: String, $idempotencyKey: String) {
  optimize(model: $model, steps: $steps, data: $data, batch: $batch, seed: $seed, evaluation: $evaluation, teacher: $teacher, name: $name, idempotencyKey: $idempotencyKey) {
    __typename ... on JobPayload { job { ${JOB} } } ${PROBLEM} } }`;
const BENCHMARK = `mutation ($models: [ID!]!, $rounds: Int, $data: ID, $idempotencyKey: String) {
  benchmark(models: $models, rounds: $rounds, data: $data, idempotencyKey: $idempotencyKey) { __typename ... on JobPayload { job { ${JOB} } } ${PROBLEM} } }`;

const DELETE_MODEL = `mutation ($id: ID!) { deleteModel(id: $id) { __typename ${PROBLEM} } }`;
const DELETE_DATASET = `mutation ($id: ID!) { deleteDataset(id: $id) { __typename ${PROBLEM} } }`;

type Payload<T> = { readonly __typename: string } & T;

const idOf = (ref: Ref): string => (typeof ref === "string" ? ref : ref.id);

/** @example const lathe = connect({ url: "http://127.0.0.1:4000", token }); */
export function connect(connection: Connection): Client {
  const query = <T>(text: string, variables: object = {}): Promise<T> => request<T>(connection, text, variables);
  const started = (payload: Payload<{ job: JobInfo }>): JobHandle => new JobHandle(connection, settled(payload).job);
  return {
    query: async <T>(operation: string | Operation<T, never>, variables?: object) => query<T>(textOf(operation), variables),
    subscribe: <Result, Variables>(operation: Operation<Result, Variables>, ...[variables]: VariablesFor<Variables>) => subscribe<Result>(connection, textOf(operation), variables ?? {}),
    async upload(bytes, { name, data = {} } = {}) {
      const names = Object.keys(data);
      const sources = await Promise.all([bytes, ...names.map((n) => data[n]!)].map(sourceOf));
      const [graph, ...rest] = await sendAll(connection, sources);
      const input = { model: { name: name ?? sources[0]!.name ?? "model", graph, data: rest.map((upload, i) => ({ upload, name: names[i] })) } };
      return settled((await query<{ uploadComplete: Payload<{ model: ModelInfo }> }>(COMPLETE, { input })).uploadComplete).model;
    },
    async uploadDataset(bytes, { name } = {}) {
      const source = await sourceOf(bytes);
      const [file] = await sendAll(connection, [source]);
      const input = { dataset: { name: name ?? source.name ?? "dataset", file } };
      return settled((await query<{ uploadComplete: Payload<{ dataset: { id: string; name: string } }> }>(COMPLETE, { input })).uploadComplete).dataset;
    },
    model: async (id) => (await query<{ model: ModelInfo | null }>(`query ($id: ID!) { model(id: $id) { ${MODEL} } }`, { id })).model,
    deleteModel: async (model) => void settled((await query<{ deleteModel: Payload<object> }>(DELETE_MODEL, { id: idOf(model) })).deleteModel),
    deleteDataset: async (dataset) => void settled((await query<{ deleteDataset: Payload<object> }>(DELETE_DATASET, { id: idOf(dataset) })).deleteDataset),
    async optimize(model, steps, { data, teacher, evaluation, ...options } = {}) {
      const judged = evaluation && { ...evaluation, ...(evaluation.data ? { data: idOf(evaluation.data) } : {}) };
      const lent = { ...(data ? { data: idOf(data) } : {}), ...(teacher ? { teacher: idOf(teacher) } : {}), ...(judged ? { evaluation: judged } : {}) };
      return started((await query<{ optimize: Payload<{ job: JobInfo }> }>(OPTIMIZE, { model: idOf(model), steps, ...lent, ...options })).optimize);
    },
    benchmark: async (models, { data, ...options } = {}) =>
      started((await query<{ benchmark: Payload<{ job: JobInfo }> }>(BENCHMARK, { models: models.map(idOf), ...(data ? { data: idOf(data) } : {}), ...options })).benchmark),
    async job(id) {
      const handle = new JobHandle(connection, { id, kind: "OPTIMIZE", state: "QUEUED", progress: 0, lastSeq: 0, error: null });
      await handle.refresh();
      return handle;
    },
    async download({ files }) {
      const response = await (connection.fetch ?? fetch)(files[0]!.url);
      if (!response.ok) throw new Error(`The download failed with status ${response.status}.`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
