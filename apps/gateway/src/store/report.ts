/** Reports as the API tells them. A long one is read in a child, so that others are answered meanwhile. */
import { readFile } from "node:fs/promises";
import type { ReportData } from "@lathe/core";
import type { Ctx } from "../app.ts";
import { summaryOf, type ReportJson } from "../task/summary.ts";
import { inChild } from "./complete.ts";
import type { FileRef } from "./models.ts";

/** Bytes that are read here: that takes less time than starting a task does. */
const SHORT = 2 ** 20;

export async function readReport({ app, signal }: Ctx, { digest, size }: FileRef): Promise<ReportJson> {
  if (size > SHORT) return (await inChild(app, { kind: "summary", report: app.blobs.path(digest) }, signal)).report;
  await app.blobs.bring(digest);
  return summaryOf(JSON.parse(await readFile(app.blobs.path(digest), "utf8")) as ReportData);
}
