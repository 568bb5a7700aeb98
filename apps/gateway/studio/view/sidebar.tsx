/** Models and jobs, newest first. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { listsQuery } from "../api/queries.ts";
import { isOver, type JobLine } from "../api/types.ts";
import { useQuery } from "./context.ts";
import { bytes, percent, when } from "./format.ts";
import { State } from "./parts.tsx";
import { hrefOf, type Route } from "./route.ts";

/** How often the lists are read while a job is under way, ms. */
const POLL_MS = 4000;
const SHORT = 10;
const MOST = 100;

export function Sidebar({ route, version }: { route: Route; version: number }): JSX.Element {
  const [most, setMost] = useState({ models: SHORT, jobs: SHORT });
  const { data, reload } = useQuery(listsQuery, most);
  const [shown, setShown] = useState(data);
  // While more is read the old lists stay.
  useEffect(() => data && setShown(data), [data]);
  useEffect(() => {
    if (version > 0) reload();
  }, [version]);
  const running = shown?.jobs.nodes.some((job) => !isOver(job.state)) ?? false;
  useEffect(() => {
    const timer = running ? setInterval(reload, POLL_MS) : undefined;
    return () => clearInterval(timer);
  }, [running]);
  const models = shown?.models;
  const jobs = shown?.jobs;
  const more = (list: "models" | "jobs") => most[list] < MOST && shown?.[list].pageInfo.hasNextPage && <button type="button" class="quiet" onClick={() => setMost({ ...most, [list]: MOST })}>Show more {list}</button>;
  return (
    <nav aria-label="Models and jobs">
      <a href="#">Upload a model</a>
      <h2>Models</h2>
      {models?.nodes.length === 0 && <p class="hint">None yet.</p>}
      <ul>{models?.nodes.map(({ id, name, fileBytes }) => <li key={id}><a href={hrefOf({ model: id })} aria-current={route.model === id ? "page" : undefined}><span>{name}</span> <small>{bytes(fileBytes)}</small></a></li>)}</ul>
      {more("models")}
      <h2>Jobs</h2>
      {jobs?.nodes.length === 0 && <p class="hint">None yet.</p>}
      <ul>{jobs?.nodes.map((job) => <li key={job.id}><a href={hrefOf({ job: job.id })} aria-current={route.job === job.id ? "page" : undefined}><span>{nameOf(job)}</span> <small><State state={job.state} />{job.state === "RUNNING" ? ` ${percent(job.progress)}` : ""} {when(job.createdAt)}</small></a></li>)}</ul>
      {more("jobs")}
    </nav>
  );
}

function nameOf({ kind, steps, source }: JobLine): string {
  const names = source.map((model) => model.name).join(", ") || "a deleted model";
  return kind === "BENCHMARK" ? `Timing: ${names}` : `${(steps ?? []).map((step) => step.use).join(", ")}: ${names}`;
}
