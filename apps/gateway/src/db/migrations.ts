/** The schema, one text per version. Never edit a text that was released: add one. */
export const migrations: readonly string[] = [
  `
create table setting (name text primary key, value text not null);

create table api_key (
  id text primary key,
  hash text not null unique,
  name text not null,
  owner text not null,
  scopes text not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

create table upload (
  id text primary key,
  owner text not null,
  digest text not null,
  size bigint not null,
  received boolean not null default false,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index upload_digest on upload (digest);

create table model (
  id text primary key,
  no bigint generated always as identity unique,
  owner text not null,
  name text not null,
  digest text not null,
  files jsonb not null,
  stats jsonb not null,
  graph_digest text not null,
  job_id text,
  created_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index model_owner on model (owner, no) where deleted_at is null;
create unique index model_of_job on model (job_id) where job_id is not null;

create table artifact (
  id text primary key,
  no bigint generated always as identity unique,
  owner text not null,
  kind text not null,
  name text not null,
  digest text not null,
  size bigint not null,
  job_id text,
  created_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index artifact_owner on artifact (owner, no) where deleted_at is null;

create table job (
  id text primary key,
  no bigint generated always as identity unique,
  owner text not null,
  kind text not null,
  spec jsonb not null,
  state text not null,
  attempt int not null default 0,
  max_attempts int not null,
  seq int not null default 0,
  progress real not null default 0,
  lease_until timestamptz,
  worker text,
  result jsonb,
  error jsonb,
  retry_of text,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);
create index job_queue on job (no) where state = 'QUEUED';
create index job_lease on job (lease_until) where state in ('RUNNING', 'CANCELLING');
create index job_owner on job (owner, no);

create table attempt (
  job_id text not null references job (id) on delete cascade,
  number int not null,
  worker text not null,
  isolation text not null,
  state text not null,
  error jsonb,
  peak_bytes bigint,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (job_id, number)
);

create table job_event (
  job_id text not null references job (id) on delete cascade,
  seq int not null,
  attempt int not null,
  type text not null,
  data jsonb not null,
  at timestamptz not null default clock_timestamp(),
  primary key (job_id, seq)
);

create table idempotency_key (
  owner text not null,
  key text not null,
  request text not null,
  job_id text not null,
  created_at timestamptz not null default now(),
  primary key (owner, key)
);

create function lathe_tell_event() returns trigger language plpgsql as $$
begin
  perform pg_notify('lathe_event', new.job_id || ' ' || new.seq);
  return null;
end $$;
create trigger job_event_told after insert on job_event for each row execute function lathe_tell_event();

create function lathe_tell_job() returns trigger language plpgsql as $$
begin
  perform pg_notify('lathe_job', new.state || ' ' || new.id);
  return null;
end $$;
create trigger job_made after insert on job for each row execute function lathe_tell_job();
create trigger job_changed after update of state on job for each row when (old.state is distinct from new.state) execute function lathe_tell_job();
`,
];
