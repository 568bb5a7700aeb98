import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Db } from "../db/db.ts";

export interface Metrics {
  readonly registry: Registry;
  request(route: string, status: number, seconds: number): void;
  attempt(state: string, seconds: number): void;
}

export function makeMetrics(db: Db): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({ name: "lathe_http_request_seconds", help: "Time of HTTP requests.", labelNames: ["route", "status"], buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30], registers: [registry] });
  const attempts = new Counter({ name: "lathe_attempts_total", help: "Attempts of jobs by how they ended.", labelNames: ["state"], registers: [registry] });
  const durations = new Histogram({ name: "lathe_attempt_seconds", help: "Time of attempts.", labelNames: ["state"], buckets: [0.5, 1, 2, 5, 10, 30, 60, 300, 1800], registers: [registry] });
  const jobs = new Gauge({
    name: "lathe_jobs", help: "Unfinished jobs by state.", labelNames: ["state"], registers: [registry],
    async collect() {
      this.reset();
      for (const { state, count } of await db.query<{ state: string; count: number }>("select state, count(*)::int as count from job where state in ('QUEUED', 'RUNNING', 'CANCELLING') group by state")) this.set({ state }, count);
    },
  });
  void jobs;
  return {
    registry,
    request: (route, status, seconds) => requests.observe({ route, status: String(status) }, seconds),
    attempt(state, seconds) {
      attempts.inc({ state });
      durations.observe({ state }, seconds);
    },
  };
}
