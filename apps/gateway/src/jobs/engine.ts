/**
 * The dispatcher. Its queue is the job table itself: a claim is one statement (SKIP LOCKED), so a job is stored and queued in the same
 * transaction, there is no second copy of its state to reconcile, and every write of an attempt carries the attempt's number. An attempt
 * that was given up writes to nothing.
 */
import { one, type Db, type Sql } from "../db/db.ts";
import { gatewayErrors, problemFrom } from "../errors.ts";
import { newId } from "../ids.ts";
import { isFinal, type Claim, type JobKind, type JobResult, type JobRow, type JobSpec, type NewEvent, type Problem } from "./model.ts";

export const LEASE_MS = 30_000;
export const HEARTBEAT_MS = 10_000;

export interface NewJob {
  readonly owner: string;
  readonly kind: JobKind;
  readonly spec: JobSpec;
  readonly attempts: number;
  readonly retryOf?: string;
  /** At most so many unfinished jobs of the owner. */
  readonly openJobs: number;
  readonly idempotencyKey?: string | undefined;
  /** Runs in the transaction that stores the job, unless that is there already. */
  readonly hold?: (tx: Sql, spec: JobSpec) => Promise<void>;
}

/** The port between the API, the workers and whatever dispatches. */
export interface JobEngine {
  /** Stores and queues; the same idempotency key gives the same job. `hold` keeps what the job names from being deleted meanwhile. @throws IDEMPOTENCY_CONFLICT, TOO_MANY, what `hold` throws */
  enqueue(job: NewJob): Promise<JobRow>;
  /** The next job, now this worker's for {@link LEASE_MS}; undefined when nothing waits. */
  claim(worker: string, isolation: string): Promise<Claim | undefined>;
  /** Prolongs the lease. "lost": somebody else has the job. "cancel": it should end. */
  heartbeat(claim: Claim): Promise<"kept" | "cancel" | "lost">;
  /** Appends events; false when the attempt has lost the job. */
  record(claim: Claim, events: readonly NewEvent[], progress?: number): Promise<boolean>;
  /** Ends the job, once; `publish` runs in the same transaction. False when the attempt has lost the job. */
  succeed(claim: Claim, publish: (tx: Sql) => Promise<JobResult>, peakBytes?: number): Promise<boolean>;
  fail(claim: Claim, problem: Problem, peakBytes?: number): Promise<boolean>;
  cancelled(claim: Claim): Promise<boolean>;
  /** Hands a job back unfinished: a worker that stops. Such an attempt is none of those that a job may lose. */
  release(claim: Claim): Promise<boolean>;
  /** @throws JOB_STATE */
  cancel(id: string): Promise<JobRow>;
  /** Gives jobs whose worker is gone to others, or ends them. `all` also those whose lease has not run out: for a database that only this process can have open. */
  sweep(all?: boolean): Promise<number>;
}

export function openEngine(db: Db): JobEngine {
  const finish = (claim: Claim, state: "SUCCEEDED" | "FAILED" | "CANCELLED", fill: (tx: Sql) => Promise<{ result?: JobResult; error?: Problem }>, peakBytes?: number): Promise<boolean> =>
    db.transaction(async (tx) => {
      if (!(await fence(tx, claim))) return false;
      const { result, error } = await fill(tx);
      await endAttempt(tx, claim.job.id, claim.attempt, state, error, peakBytes);
      await endJob(tx, claim.job.id, state, { result, error });
      return true;
    });
  return {
    enqueue: (job) => db.transaction((tx) => enqueue(tx, job)),
    claim: (worker, isolation) => db.transaction((tx) => claimNext(tx, worker, isolation)),
    async heartbeat({ job, attempt }) {
      const row = await one<{ state: string }>(db, `update job set lease_until = ${leaseEnd} where id = $1 and attempt = $2 and state in ('RUNNING', 'CANCELLING') returning state`, [job.id, attempt]);
      return row === undefined ? "lost" : row.state === "CANCELLING" ? "cancel" : "kept";
    },
    async record({ job, attempt }, events, progress) {
      return append(db, job.id, events, attempt, progress);
    },
    succeed: (claim, publish, peakBytes) => finish(claim, "SUCCEEDED", async (tx) => ({ result: await publish(tx) }), peakBytes),
    fail: (claim, error, peakBytes) => finish(claim, "FAILED", async () => ({ error }), peakBytes),
    cancelled: (claim) => finish(claim, "CANCELLED", async () => ({})),
    release: (claim) => db.transaction(async (tx) => (await fence(tx, claim)) !== undefined && giveUp(tx, claim.job.id, "RELEASED")),
    cancel: (id) => db.transaction((tx) => cancel(tx, id)),
    async sweep(all = false) {
      const gone = await db.query<{ id: string }>(`select id from job where state in ('RUNNING', 'CANCELLING') and (lease_until < now() or $1)`, [all]);
      let swept = 0;
      for (const { id } of gone) if (await db.transaction((tx) => giveUp(tx, id, "LOST", !all))) swept++;
      return swept;
    },
  };
}

const leaseEnd = `now() + interval '${LEASE_MS} milliseconds'`;

async function enqueue(tx: Sql, { owner, kind, spec, attempts, retryOf, openJobs, idempotencyKey, hold }: NewJob): Promise<JobRow> {
  const request = JSON.stringify([kind, spec, retryOf ?? null]);
  const id = newId();
  if (idempotencyKey !== undefined) {
    // The row is the lock: of two requests at once the second waits here and then finds the first one's job.
    const made = await tx.query("insert into idempotency_key (owner, key, request, job_id) values ($1, $2, $3, $4) on conflict do nothing returning key", [owner, idempotencyKey, request, id]);
    if (made.length === 0) return earlier(tx, owner, idempotencyKey, request);
  }
  const { open } = (await one<{ open: number }>(tx, "select count(*)::int as open from job where owner = $1 and state in ('QUEUED', 'RUNNING', 'CANCELLING')", [owner]))!;
  if (open >= openJobs) throw gatewayErrors.TOO_MANY({ what: "unfinished jobs", limit: openJobs });
  await hold?.(tx, spec);
  await tx.query(
    "insert into job (id, owner, kind, spec, state, max_attempts, retry_of) values ($1, $2, $3, $4::jsonb, 'QUEUED', $5, $6)",
    [id, owner, kind, JSON.stringify(spec), attempts, retryOf ?? null],
  );
  await append(tx, id, [{ type: "QUEUED", data: {} }]);
  return (await one<JobRow>(tx, "select * from job where id = $1", [id]))!;
}

async function earlier(tx: Sql, owner: string, key: string, request: string): Promise<JobRow> {
  const found = (await one<{ request: string; job_id: string }>(tx, "select request, job_id from idempotency_key where owner = $1 and key = $2", [owner, key]))!;
  if (found.request !== request) throw gatewayErrors.IDEMPOTENCY_CONFLICT({ key });
  return (await one<JobRow>(tx, "select * from job where id = $1", [found.job_id]))!;
}

async function claimNext(tx: Sql, worker: string, isolation: string): Promise<Claim | undefined> {
  const job = await one<JobRow>(tx, `
    update job set state = 'RUNNING', attempt = attempt + 1, worker = $1, lease_until = ${leaseEnd}, started_at = coalesce(started_at, now()), progress = 0
    where id = (select id from job where state = 'QUEUED' order by no for update skip locked limit 1) returning *`, [worker]);
  if (!job) return undefined;
  await tx.query("insert into attempt (job_id, number, worker, isolation, state) values ($1, $2, $3, $4, 'RUNNING')", [job.id, job.attempt, worker, isolation]);
  await append(tx, job.id, [{ type: "STARTED", data: { attempt: job.attempt } }]);
  return { job, attempt: job.attempt };
}

/** Locks the job's row if this attempt still has it. */
const fence = (tx: Sql, { job, attempt }: Claim): Promise<{ id: string } | undefined> =>
  one<{ id: string }>(tx, "select id from job where id = $1 and attempt = $2 and state in ('RUNNING', 'CANCELLING') for update", [job.id, attempt]);

/**
 * Numbers come from a counter on the job's row, in the same statement: no gaps after a rollback, and the order of numbers is the order of
 * commits. With `attempt` given nothing is written unless that attempt has the job.
 */
async function append(sql: Sql, id: string, events: readonly NewEvent[], attempt: number | null = null, progress?: number): Promise<boolean> {
  const written = await sql.query(`
    with held as (
      update job set seq = seq + $3::int, progress = coalesce($5::real, progress)
      where id = $1 and ($2::int is null or (attempt = $2::int and state in ('RUNNING', 'CANCELLING'))) returning seq, attempt
    )
    insert into job_event (job_id, seq, attempt, type, data)
    select $1, held.seq - $3::int + e.place::int, held.attempt, e.item->>'type', e.item->'data'
    from held, jsonb_array_elements($4::jsonb) with ordinality as e(item, place) returning seq`,
    [id, attempt, events.length, JSON.stringify(events), progress ?? null]);
  return written.length === events.length;
}

async function endAttempt(tx: Sql, id: string, number: number, state: string, error?: Problem, peakBytes?: number): Promise<void> {
  await tx.query(
    "update attempt set state = $3, error = $4::jsonb, peak_bytes = $5, finished_at = now() where job_id = $1 and number = $2",
    [id, number, state, error ? JSON.stringify(error) : null, peakBytes ?? null],
  );
}

async function endJob(tx: Sql, id: string, state: "SUCCEEDED" | "FAILED" | "CANCELLED", { result, error }: { result?: JobResult | undefined; error?: Problem | undefined } = {}): Promise<void> {
  await append(tx, id, [{ type: state, data: error ? { code: error.code, message: error.message } : {} }]);
  await tx.query(
    "update job set state = $2, result = $3::jsonb, error = $4::jsonb, finished_at = now(), lease_until = null, progress = case when $2 = 'SUCCEEDED' then 1 else progress end where id = $1",
    [id, state, result ? JSON.stringify(result) : null, error ? JSON.stringify(error) : null],
  );
}

async function cancel(tx: Sql, id: string): Promise<JobRow> {
  const job = (await one<JobRow>(tx, "select * from job where id = $1 for update", [id]))!;
  if (isFinal(job.state)) throw gatewayErrors.JOB_STATE({ action: "cancelled", state: job.state });
  if (job.state === "QUEUED") await endJob(tx, id, "CANCELLED");
  if (job.state === "RUNNING") {
    await append(tx, id, [{ type: "CANCEL_REQUESTED", data: {} }]);
    await tx.query("update job set state = 'CANCELLING' where id = $1", [id]);
  }
  return (await one<JobRow>(tx, "select * from job where id = $1", [id]))!;
}

/** The attempt is over without a result: another one, or, when too many were lost, the end. */
async function giveUp(tx: Sql, id: string, as: "LOST" | "RELEASED", onlyExpired = false): Promise<boolean> {
  const job = await one<JobRow>(tx, `select * from job where id = $1 and state in ('RUNNING', 'CANCELLING') ${onlyExpired ? "and lease_until < now()" : ""} for update`, [id]);
  if (!job) return false;
  await endAttempt(tx, id, job.attempt, as);
  await append(tx, id, [{ type: "WORKER_LOST", data: { attempt: job.attempt } }]);
  const { lost } = (await one<{ lost: number }>(tx, "select count(*)::int as lost from attempt where job_id = $1 and state = 'LOST'", [id]))!;
  if (job.state === "CANCELLING") await endJob(tx, id, "CANCELLED");
  else if (lost >= job.max_attempts) await endJob(tx, id, "FAILED", { error: problemFrom(gatewayErrors.WORKER_LOST({ attempts: lost })) });
  else await tx.query("update job set state = 'QUEUED', lease_until = null, worker = null where id = $1", [id]);
  return true;
}
