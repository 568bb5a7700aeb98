/** Every number that bounds what a client can make the gateway do. All can be set; none is infinite by default. */
export interface Limits {
  /** Bytes of one uploaded file. */
  readonly uploadBytes: number;
  /** Files of one owner that were announced and have not arrived; their addresses run out by themselves. */
  readonly openUploads: number;
  /** Silence after which a request that sends a file is ended, ms; what has arrived stays. */
  readonly idleMs: number;
  /** How long a signed address is good for, ms. */
  readonly urlMs: number;
  /** Wall clock of one attempt, ms. */
  readonly attemptMs: number;
  /** Wall clock of reading an uploaded model or planning, ms. */
  readonly inspectMs: number;
  /** Wall clock of trying steps out for a plan, ms. */
  readonly rehearsalMs: number;
  /** Bytes of resident memory of one attempt. */
  readonly memoryBytes: number;
  /** Threads of the engine in one attempt. */
  readonly threads: number;
  /** Attempts of one job that may be lost with their workers; those that a stopping worker hands back do not count. */
  readonly attempts: number;
  /** Jobs that one owner may have waiting or running. */
  readonly openJobs: number;
  /** Uploaded models, and long reports, that are being read or wait for it, of one owner. */
  readonly reading: number;
  /** Plans under way or waiting, of one owner. */
  readonly planning: number;
  /** Body of a GraphQL request, bytes. */
  readonly requestBytes: number;
  /** Wall clock of a GraphQL request (not of a subscription), ms. */
  readonly requestMs: number;
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly tokens: number;
  /** Fields of an operation, those below a list counted as often as the list is asked to be long. */
  readonly complexity: number;
  /** Entries of one connection page. */
  readonly pageSize: number;
  /** Subscriptions that one principal may hold. */
  readonly subscriptions: number;
  /** Requests per second and principal, and how many may come at once. */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  /** Age at which finished jobs' events, expired uploads and unreferenced files are removed, ms. */
  readonly retentionMs: number;
  /** Time that running attempts get to finish when the gateway stops, ms. */
  readonly drainMs: number;
}

export const defaultLimits: Limits = {
  uploadBytes: 16 * 2 ** 30,
  openUploads: 200,
  idleMs: 60_000,
  urlMs: 3_600_000,
  attemptMs: 3_600_000,
  inspectMs: 120_000,
  rehearsalMs: 30_000,
  memoryBytes: 4 * 2 ** 30,
  threads: 2,
  attempts: 3,
  openJobs: 100,
  reading: 50,
  planning: 4,
  requestBytes: 1 << 20,
  requestMs: 180_000,
  depth: 12,
  aliases: 15,
  directives: 20,
  tokens: 2000,
  complexity: 20_000,
  pageSize: 100,
  subscriptions: 100,
  requestsPerSecond: 100,
  requestBurst: 300,
  retentionMs: 30 * 86_400_000,
  drainMs: 10_000,
};
