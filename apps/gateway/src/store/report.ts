/** Reports as the API tells them. A long one is read in a child, so that others are answered meanwhile. */
import { readFile } from "node:fs/promises";
import type { ReportData } from "@lathe/core";
import type { Ctx } from "../app.ts";
import { summaryOf, type ReportJson } from "../task/summary.ts";
import { inChild } from "./complete.ts";
import type { FileRef } from "./models.ts";

/** Bytes that are read here: that takes less time than starting a task does. */
const SHORT = 2 ** 20;

export async function readReport(ctx: Ctx, { digest, size }: FileRef): Promise<ReportJson> {
  const { blobs } = ctx.app;
  if (size > SHORT) return (await inChild(ctx, "reading", { kind: "summary", report: blobs.path(digest) })).report;
  await blobs.bring(digest);
  return summaryOf(JSON.parse(await readFile(blobs.path(digest), "utf8")) as ReportData);
}
