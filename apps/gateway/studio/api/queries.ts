/** Every document that the studio sends. A test checks them against the schema. */
import type { LentVariables } from "../forms/lent.ts";
import type { Document, UserError } from "./graphql.ts";
import type { JobDetail, JobLine, ModelDetail, ModelLine, Page, Plan, Technique, DatasetLine, LayerFacts, NodeDetail, NodeLine } from "./types.ts";

export type Variables = Readonly<Record<string, unknown>>;

const problem = "... on UserError { code message remedy }";
const modelLine = "fragment ModelLine on Model { id name fileBytes createdAt }";
const stats = `fragment Stats on ModelStats {
  parameters bytes nodeCount macs elementOps sparsity producer irVersion unbound unknownLayers
  bytesByDtype { name value } opsets { name value } operators { name value } inputs { name type } outputs { name type }
}`;
const jobLine = "fragment JobLine on Job { id kind state progress createdAt finishedAt steps source { id name } }";

export const listsQuery: Document<{ models: Page<ModelLine>; jobs: Page<JobLine> }, { models: number; jobs: number }> = {
  text: `query Lists($models: Int, $jobs: Int) { models(first: $models) { nodes { ...ModelLine } pageInfo { hasNextPage } } jobs(first: $jobs) { nodes { ...JobLine } pageInfo { hasNextPage } } } ${modelLine} ${jobLine}`,
};

export const techniquesQuery: Document<{ techniques: Technique[] }, Record<never, never>> = {
  text: "query Techniques { techniques { name input summary options needs takesSteps available unavailableReason } }",
};

/** What steps can be lent. */
export const choicesQuery: Document<{ models: Page<ModelLine>; artifacts: Page<DatasetLine> }, Record<never, never>> = {
  text: `query Choices { models(first: 100) { nodes { ...ModelLine } pageInfo { hasNextPage } } artifacts(first: 100, kind: DATASET) { nodes { id kind name size } pageInfo { hasNextPage } } } ${modelLine}`,
};

export const modelQuery: Document<{ model: ModelDetail | null }, { id: string }> = {
  text: `query Model($id: ID!) { model(id: $id) { ...ModelLine digest files { name size url } stats { ...Stats } } } ${modelLine} ${stats}`,
};

export const layersQuery: Document<{ model: { layers: Page<LayerFacts> } | null }, { id: string; after: string | null }> = {
  text: "query Layers($id: ID!, $after: String) { model(id: $id) { layers(first: 100, after: $after) { nodes { name op parameters bytes macs outputs } pageInfo { hasNextPage endCursor } } } }",
};

export const nodesQuery: Document<{ model: { nodes: Page<NodeLine> } | null }, { id: string; op: string | null }> = {
  text: "query Nodes($id: ID!, $op: String) { model(id: $id) { nodes(first: 100, op: $op) { nodes { name op } pageInfo { hasNextPage } } } }",
};

export const graphNodeQuery: Document<{ model: { graphNode: NodeDetail | null } | null }, { id: string; name: string }> = {
  text: "query GraphNode($id: ID!, $name: String!) { model(id: $id) { graphNode(name: $name) { name op inputs outputs attributes { name value } before { name op } after { name op } } } }",
};

export const jobQuery: Document<{ job: JobDetail | null }, { id: string }> = {
  text: `query Job($id: ID!) { job(id: $id) {
    ...JobLine lastSeq error { code message }
    dataset { id } batch seed evaluation { dataset { id } metric labels output } teacher { id }
    attempts { number state peakBytes error { code message } }
    source { ...Compared }
    model { ...Compared files { name size url } }
    report { elapsedMs html { url size } json { url size } steps { name elapsedMs metrics warnings } }
    benchmark { timings { model { id name } median spread p5 p95 speedup } machine { cpu cores loadBefore loadAfter } }
  } }
  fragment Compared on Model { ...ModelLine stats { ...Stats } } ${modelLine} ${stats} ${jobLine}`,
};

export const uploadCreateMutation: Document<{ uploadCreate: { uploads: { id: string; alreadyPresent: boolean; url: string | null }[] } | UserError }, { files: { digest: string; size: number }[] }> = {
  text: `mutation UploadCreate($files: [UploadFileInput!]!) { uploadCreate(files: $files) { ... on UploadsCreated { uploads { id alreadyPresent url } } ${problem} } }`,
};

export const uploadCompleteMutation: Document<{ uploadComplete: { model: ModelLine } | { dataset: DatasetLine } | UserError }, { input: Variables }> = {
  text: `mutation UploadComplete($input: UploadCompleteInput!) { uploadComplete(input: $input) { ... on ModelCreated { model { ...ModelLine } } ... on DatasetCreated { dataset { id kind name size } } ${problem} } } ${modelLine}`,
};

export interface OptimizeVariables extends LentVariables {
  readonly model: string;
  readonly steps: readonly Variables[];
  readonly teacher: string | null;
  readonly name: string | null;
  readonly idempotencyKey: string;
}

type JobMade = { job: JobLine } | UserError;

export const optimizeMutation: Document<{ optimize: JobMade }, OptimizeVariables> = {
  text: `mutation Optimize($model: ID!, $steps: [StepInput!]!, $data: ID, $batch: Int, $seed: Int, $evaluation: EvaluationInput, $teacher: ID, $name: String, $idempotencyKey: String) {
    optimize(model: $model, steps: $steps, data: $data, batch: $batch, seed: $seed, evaluation: $evaluation, teacher: $teacher, name: $name, idempotencyKey: $idempotencyKey) { ... on JobPayload { job { ...JobLine } } ${problem} } } ${jobLine}`,
};

export const planQuery: Document<{ plan: Plan | UserError }, { model: string; steps: readonly Variables[] } & LentVariables> = {
  text: `query Plan($model: ID!, $steps: [StepInput!]!, $data: ID, $batch: Int, $seed: Int, $evaluation: EvaluationInput) { plan(model: $model, steps: $steps, data: $data, batch: $batch, seed: $seed, evaluation: $evaluation) { ... on Plan { runnable steps { technique problem steps { technique problem } } } ${problem} } }`,
};

export const benchmarkMutation: Document<{ benchmark: JobMade }, { models: string[]; idempotencyKey: string }> = {
  text: `mutation Benchmark($models: [ID!]!, $idempotencyKey: String) { benchmark(models: $models, idempotencyKey: $idempotencyKey) { ... on JobPayload { job { ...JobLine } } ${problem} } } ${jobLine}`,
};

export const cancelMutation: Document<{ cancelJob: JobMade }, { id: string }> = {
  text: `mutation Cancel($id: ID!) { cancelJob(id: $id) { ... on JobPayload { job { ...JobLine } } ${problem} } } ${jobLine}`,
};

export const retryMutation: Document<{ retryJob: JobMade }, { id: string; idempotencyKey: string }> = {
  text: `mutation Retry($id: ID!, $idempotencyKey: String) { retryJob(id: $id, idempotencyKey: $idempotencyKey) { ... on JobPayload { job { ...JobLine } } ${problem} } } ${jobLine}`,
};

export const deleteModelMutation: Document<{ deleteModel: { id: string } | UserError }, { id: string }> = {
  text: `mutation DeleteModel($id: ID!) { deleteModel(id: $id) { ... on Deleted { id } ${problem} } }`,
};

export const deleteDatasetMutation: Document<{ deleteDataset: { id: string } | UserError }, { id: string }> = {
  text: `mutation DeleteDataset($id: ID!) { deleteDataset(id: $id) { ... on Deleted { id } ${problem} } }`,
};

export const eventsSubscription = {
  text: "subscription Events($job: ID!, $after: Int) { jobEvents(job: $job, after: $after) { seq attempt type at data } }",
};
