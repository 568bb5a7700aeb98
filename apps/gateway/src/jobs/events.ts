/**
 * Readers of a job's events. A notification says that there is more; what there is comes from the table, so every gateway shows the same
 * and nothing is lost with a connection. Readers of one job share what was read last.
 */
import type { Db } from "../db/db.ts";
import { isFinal, type EventType, type JobEventRow, type JobState } from "./model.ts";

export interface EventHub {
  /** Events after `after`, each once and in order, until the job is over. */
  follow(jobId: string, after: number, signal: AbortSignal): AsyncGenerator<JobEventRow, void, undefined>;
  close(): Promise<void>;
}

/** Looked again after this long even without a notification: one can be lost with its connection. */
const LOOK_MS = 3000;
const PAGE = 256;
const final: ReadonlySet<EventType> = new Set(["SUCCEEDED", "FAILED", "CANCELLED"]);

/** What the readers of one job share. */
interface Topic {
  readers: number;
  /** Counts the news. */
  version: number;
  /** `version` when the last shared read began: what was told later is not in it. */
  readAt: number;
  recent: readonly JobEventRow[];
  reading: Promise<void> | undefined;
  readonly waiting: Set<() => void>;
}

export async function openEventHub(db: Db): Promise<EventHub> {
  const topics = new Map<string, Topic>();
  const unlisten = await db.listen("lathe_event", (payload) => tell(topics.get(payload.split(" ")[0]!)));
  const timer = setInterval(() => {
    for (const topic of topics.values()) tell(topic);
  }, LOOK_MS);
  timer.unref();
  return {
    async *follow(jobId, after, signal) {
      const topic = topics.get(jobId) ?? { readers: 0, version: 1, readAt: 0, recent: [], reading: undefined, waiting: new Set() };
      topics.set(jobId, topic);
      topic.readers++;
      try {
        yield* read(db, jobId, topic, after, signal);
      } finally {
        if (--topic.readers === 0) topics.delete(jobId);
      }
    },
    async close() {
      clearInterval(timer);
      await unlisten();
    },
  };
}

function tell(topic: Topic | undefined): void {
  if (!topic) return;
  topic.version++;
  for (const wake of topic.waiting) wake();
  topic.waiting.clear();
}

async function* read(db: Db, jobId: string, topic: Topic, after: number, signal: AbortSignal): AsyncGenerator<JobEventRow, void, undefined> {
  let asked = false;
  for (let at = after; !signal.aborted; ) {
    const events = await next(db, jobId, topic, at);
    for (const event of events) {
      yield event;
      at = event.seq;
      if (final.has(event.type)) return;
    }
    if (events.length > 0) continue;
    // A reader may begin after the last event; later the last event itself ends the reading.
    if (!asked && (await isOver(db, jobId, at))) return;
    asked = true;
    if (topic.version === topic.readAt) await news(topic, signal);
  }
}

async function next(db: Db, jobId: string, topic: Topic, at: number): Promise<readonly JobEventRow[]> {
  const fromMemory = (): readonly JobEventRow[] => (topic.recent.length > 0 && topic.recent[0]!.seq <= at + 1 ? topic.recent.filter((e) => e.seq > at) : []);
  const known = fromMemory();
  if (known.length > 0) return known;
  const newest = topic.recent.at(-1)?.seq;
  // One query for all readers that are up to date; one that is far behind reads for itself.
  if (newest !== undefined && at < newest) return page(db, jobId, at);
  topic.reading ??= refresh(db, jobId, topic, newest ?? at).finally(() => (topic.reading = undefined));
  await topic.reading;
  const read = fromMemory();
  const last = topic.recent.at(-1)?.seq;
  // What was read began after somebody else's place, not after ours.
  return read.length === 0 && last !== undefined && at < last ? page(db, jobId, at) : read;
}

async function refresh(db: Db, jobId: string, topic: Topic, from: number): Promise<void> {
  const version = topic.version;
  const events = await page(db, jobId, from);
  topic.recent = [...topic.recent, ...events].slice(-PAGE);
  // A full page may have more behind it.
  topic.readAt = events.length < PAGE ? version : 0;
}

const page = (db: Db, jobId: string, at: number): Promise<JobEventRow[]> =>
  db.query<JobEventRow>("select * from job_event where job_id = $1 and seq > $2 order by seq limit $3", [jobId, at, PAGE]);

async function isOver(db: Db, jobId: string, at: number): Promise<boolean> {
  const [job] = await db.query<{ state: JobState; seq: number }>("select state, seq from job where id = $1", [jobId]);
  return job === undefined || (isFinal(job.state) && at >= job.seq);
}

function news(topic: Topic, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener("abort", done);
      topic.waiting.delete(done);
      resolve();
    };
    topic.waiting.add(done);
    if (signal.aborted) done();
    else signal.addEventListener("abort", done, { once: true });
  });
}
