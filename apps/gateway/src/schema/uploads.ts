/** Types of the two ends of an upload: what will be sent, and what it is. */
import type { ArtifactRow, ModelRow } from "../store/models.ts";
import type { UploadTicket } from "../store/uploads.ts";
import type { Builder } from "./builder.ts";
import type { SchemaParts } from "./queries.ts";

export const filesInput = (builder: Builder) =>
  builder.inputType("UploadFileInput", {
    description: "A file that will be sent.",
    fields: (t) => ({
      digest: t.string({ required: true, description: '"sha256:" and the SHA-256 of its bytes in 64 lower-case hexadecimal digits.' }),
      size: t.field({ type: "Long", required: true, description: "Bytes." }),
    }),
  });

export function completeInput(builder: Builder) {
  const data = builder.inputType("ExternalDataInput", {
    description: "External data of a model.",
    fields: (t) => ({
      upload: t.id({ required: true, description: "Its upload." }),
      name: t.string({ required: true, description: "The name under which the graph refers to it; a plain file name." }),
    }),
  });
  const model = builder.inputType("ModelUploadInput", {
    description: "A model that was sent.",
    fields: (t) => ({
      name: t.string({ required: true, description: "Your name for it." }),
      graph: t.id({ required: true, description: "Upload of the .onnx file." }),
      data: t.field({ type: [data], description: "External data, if it has any." }),
    }),
  });
  const dataset_ = builder.inputType("DatasetUploadInput", {
    description: "A dataset that was sent.",
    fields: (t) => ({
      name: t.string({ required: true, description: "Your name for it." }),
      file: t.id({ required: true, description: "Upload of the .npz file." }),
    }),
  });
  return builder.inputType("UploadCompleteInput", {
    description: "What was sent: exactly one of these.",
    isOneOf: true,
    fields: (t) => ({
      model: t.field({ type: model, description: "A model." }),
      dataset: t.field({ type: dataset_, description: "Data for calibration and evaluation." }),
    }),
  });
}

export function uploadTypes(builder: Builder, { models, files, union }: SchemaParts) {
  const upload = builder.objectRef<UploadTicket>("Upload").implement({
    description: "Where to send a file.",
    fields: (t) => ({
      id: t.id({ description: "Names the upload in uploadComplete.", resolve: (u) => u.row.id }),
      digest: t.string({ description: "SHA-256 that the bytes must have.", resolve: (u) => u.row.digest }),
      size: t.field({ type: "Long", description: "Bytes.", resolve: (u) => u.row.size }),
      alreadyPresent: t.boolean({ description: "Whether you sent these bytes before; then there is nothing to send.", resolve: (u) => u.url === undefined }),
      url: t.string({ nullable: true, description: "PUT the bytes here; needs no token. HEAD tells the Upload-Offset reached; PUT with that header resumes.", resolve: (u) => u.url }),
      expiresAt: t.field({ type: "DateTime", description: "Until when the address is good.", resolve: (u) => u.row.expires_at }),
    }),
  });
  const created = builder.objectRef<{ readonly __typename: "UploadsCreated"; readonly uploads: readonly UploadTicket[] }>("UploadsCreated").implement({
    description: "Addresses, in the order of the files.",
    fields: (t) => ({ uploads: t.field({ type: [upload], description: "One for each file.", resolve: (c) => [...c.uploads] }) }),
  });
  const modelCreated = builder.objectRef<{ readonly __typename: "ModelCreated"; readonly model: ModelRow }>("ModelCreated").implement({
    description: "The model was read and stored.",
    fields: (t) => ({ model: t.field({ type: models.model, description: "The model.", resolve: (c) => c.model }) }),
  });
  const datasetCreated = builder.objectRef<{ readonly __typename: "DatasetCreated"; readonly dataset: ArtifactRow }>("DatasetCreated").implement({
    description: "The dataset was stored; it is read when a job uses it.",
    fields: (t) => ({ dataset: t.field({ type: files.artifact, description: "The dataset.", resolve: (c) => c.dataset }) }),
  });
  return {
    upload: union("UploadCreateResult", "Addresses, or why there are none.", created),
    complete: union("UploadCompleteResult", "What was made of the bytes, or why nothing was.", modelCreated, datasetCreated),
  };
}
