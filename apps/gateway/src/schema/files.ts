/** Files that can be fetched: artifacts and the files of models. */
import type { Ctx } from "../app.ts";
import { globalId } from "../ids.ts";
import { sign } from "../store/sign.ts";
import { artifactKinds, type ArtifactRow, type FileRef } from "../store/models.ts";
import type { Builder } from "./builder.ts";

/** A short-lived address for one file; it carries its own permission. */
export function downloadUrl(ctx: Ctx, { digest, size }: FileRef, name: string): string {
  const { app, principal, origin } = ctx;
  const grant = { method: "GET", id: name, digest, size, owner: principal.owner, expires: Date.now() + app.limits.urlMs } as const;
  const query = new URLSearchParams({ name, size: String(size), owner: grant.owner, expires: String(grant.expires), signature: sign(app.secret, grant) });
  return `${origin}/files/${digest}?${query.toString()}`;
}

/** What a browser may save it as. */
export const fileName = (name: string): string => name.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "").slice(0, 120) || "file";

export interface ModelFileValue extends FileRef {
  readonly name: string;
}

export function fileTypes(builder: Builder, node: ReturnType<typeof nodeInterface>) {
  const kind = builder.enumType("ArtifactKind", {
    description: "What a file is for.",
    values: {
      DATASET: { description: "Samples for calibration and evaluation: an .npz file whose arrays are named like the model's inputs, the first axis numbering the samples." },
      REPORT_JSON: { description: "A run's report as JSON." },
      REPORT_HTML: { description: "A run's report as one page." },
    } satisfies Record<(typeof artifactKinds)[number], { description: string }>,
  });
  const artifact = builder.objectRef<ArtifactRow>("Artifact").implement({
    description: "A file other than a model: a dataset, a report.",
    interfaces: [node],
    isTypeOf: (value) => "kind" in (value as object) && artifactKinds.includes((value as ArtifactRow).kind),
    fields: (t) => ({
      id: t.id({ description: "Global id.", resolve: (a) => globalId("Artifact", a.id) }),
      kind: t.field({ type: kind, description: "What it is for.", resolve: (a) => a.kind }),
      name: t.exposeString("name", { description: "The owner's name for it." }),
      digest: t.exposeString("digest", { description: "SHA-256 of its bytes." }),
      size: t.field({ type: "Long", description: "Bytes.", resolve: (a) => a.size }),
      createdAt: t.field({ type: "DateTime", description: "When it was stored.", resolve: (a) => a.created_at }),
      url: t.string({ description: "Where to GET it; good for an hour, needs no token.", resolve: (a, _, ctx) => downloadUrl(ctx, a, fileName(a.name)) }),
    }),
  });
  const file = builder.objectRef<ModelFileValue>("ModelFile").implement({
    description: "A file of a model: the graph, or external data beside it.",
    fields: (t) => ({
      name: t.exposeString("name", { description: "File name; external data must be saved beside the graph under exactly this name." }),
      digest: t.exposeString("digest", { description: "SHA-256 of its bytes." }),
      size: t.field({ type: "Long", description: "Bytes.", resolve: (f) => f.size }),
      url: t.string({ description: "Where to GET it; good for an hour, needs no token.", resolve: (f, _, ctx) => downloadUrl(ctx, f, fileName(f.name)) }),
    }),
  });
  return { artifact, file, kind };
}

export const nodeInterface = (builder: Builder) =>
  builder.interfaceRef<object>("Node").implement({
    description: "A thing with a global id, to be found again by `node(id)`.",
    fields: (t) => ({ id: t.id({ description: "Global id, opaque.", resolve: () => "" }) }),
  });
