-- The database as it is today: the sum of controller/migrations, kept equal by a test.
-- Times are made by the database clock. PostgreSQL 14 or newer.

create function epoch_ms(at timestamptz) returns bigint
    language sql stable parallel safe
    return floor(extract(epoch from at) * 1000)::bigint;

comment on function epoch_ms is 'A time as clients see it: whole milliseconds since the epoch.';

create table workers (
    id text primary key check (id ~ '^[A-Za-z0-9_-]{1,128}$'),
    name text not null,
    status text not null default 'idle' check (status in ('idle', 'building', 'offline')),
    capabilities jsonb not null,
    serves text not null default 'any' check (serves in ('any', 'ios', 'android', 'none')),
    registered_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    builds_completed integer not null default 0 check (builds_completed >= 0),
    builds_failed integer not null default 0 check (builds_failed >= 0),
    controller_url text
) with (fillfactor = 70);

comment on table workers is
    'Remote build machines. Written by queue_manager (register, status, counters) and recorder (last seen).';

create table builds (
    id text primary key check (id ~ '^[A-Za-z0-9_-]{21}$'),
    seq bigint generated always as identity,
    submit_key text not null unique,
    platform text not null check (platform in ('ios', 'android')),
    status text not null default 'pending'
        check (status in ('pending', 'assigned', 'building', 'completed', 'failed')),
    token_hashes bytea[] not null check (cardinality(token_hashes) > 0),
    worker_id text references workers (id),
    attempt integer not null default 0 check (attempt >= 0),
    lease text,
    submitted_at timestamptz not null default now(),
    started_at timestamptz,
    completed_at timestamptz,
    error_message text,
    priority smallint not null default 0 check (priority between -9 and 9),
    ranked_at timestamptz not null default now(), -- submitted_at, earlier by a head start for each step of priority
    constraint builds_active_is_held check (
        status not in ('assigned', 'building')
        or (worker_id is not null and lease is not null and started_at is not null and attempt > 0)
    ),
    constraint builds_lease_is_active check (lease is null or status in ('assigned', 'building')),
    constraint builds_pending_is_free check (status <> 'pending' or worker_id is null),
    constraint builds_finished_has_end check ((status in ('completed', 'failed')) = (completed_at is not null)),
    constraint builds_failed_has_reason check (status <> 'failed' or error_message is not null)
) with (fillfactor = 70);

comment on table builds is
    'One row a submission, with its present state. Written by queue_manager, heartbeat_monitor and recorder (building).';

create index builds_waiting on builds (platform, ranked_at, seq) where status = 'pending';
create unique index builds_one_per_worker on builds (worker_id) where status in ('assigned', 'building');
create index builds_newest on builds (submitted_at desc, seq desc);
create index builds_finished on builds (completed_at) where status in ('completed', 'failed');

create table attempts (
    build_id text not null references builds (id) on delete cascade,
    attempt integer not null check (attempt > 0),
    worker_id text not null references workers (id),
    lease text not null unique,
    granted_at timestamptz not null default now(),
    last_sign_at timestamptz,
    ended_at timestamptz,
    outcome text check (outcome in ('completed', 'failed', 'cancelled', 'lost')),
    otp_used_at timestamptz,
    otp_used_by text,
    vm_ready_at timestamptz,
    primary key (build_id, attempt),
    constraint attempts_end_has_outcome check ((ended_at is null) = (outcome is null)),
    constraint attempts_otp_is_used_by_one check ((otp_used_at is null) = (otp_used_by is null)),
    constraint attempts_ready_vm_is_known check (vm_ready_at is null or otp_used_at is not null)
) with (fillfactor = 50);

comment on table attempts is
    'Each time a build was given to a worker. Written by queue_manager (grant, end), heartbeat_monitor (lost), recorder (signs of life) and the virtual machine of the build (password used, ready).';

create unique index attempts_one_live_per_build on attempts (build_id) where ended_at is null;
create unique index attempts_one_live_per_worker on attempts (worker_id) where ended_at is null;

create table artifacts (
    id text primary key,
    build_id text not null references builds (id) on delete cascade,
    kind text not null check (kind in ('source', 'certs', 'result')),
    state text not null check (state in ('current', 'late')),
    location text not null,
    size bigint not null check (size >= 0),
    sha256 bytea not null check (octet_length(sha256) = 32),
    worker_id text references workers (id),
    created_at timestamptz not null default now()
);

comment on table artifacts is
    'The stored files, one row a build and file: current ones are served, late ones are kept as evidence. Retries share bytes: a file stays as long as a row names it. Written by queue_manager, after the bytes are on disk.';

create unique index artifacts_current on artifacts (build_id, kind) where state = 'current';
create index artifacts_by_location on artifacts (location);

create table build_logs (
    build_id text not null references builds (id) on delete cascade,
    id bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    level text not null check (level in ('debug', 'info', 'warn', 'error')),
    message text not null,
    primary key (build_id, id)
);

comment on table build_logs is
    'What happened to a build, line by line. Written by recorder (lines of workers) and by the statements that change a build.';

create table cpu_samples (
    id bigint generated always as identity primary key,
    build_id text not null references builds (id) on delete cascade,
    at timestamptz not null default clock_timestamp(),
    cpu_percent float8 not null check (cpu_percent between 0 and 1000),
    memory_mb float8 not null check (memory_mb between 0 and 1000000)
);

comment on table cpu_samples is
    'What running builds took of their machines. Written by recorder.';

create index cpu_samples_by_age on cpu_samples (at);

create table farm_config (
    only_row boolean primary key default true check (only_row),
    controller_url text
);

comment on table farm_config is
    'What all workers are told, unless their own row says otherwise. Written by PATCH /api/workers/config.';

create table diagnostics (
    id uuid primary key,
    seq bigint generated always as identity,
    worker_id text not null references workers (id) on delete cascade,
    status text not null check (status in ('healthy', 'warning', 'critical')),
    run_at timestamptz not null default clock_timestamp(),
    duration_ms float8 not null,
    auto_fixed boolean not null,
    checks json not null
);

comment on table diagnostics is
    'What workers found when they checked themselves. Written by POST /api/diagnostics/report.';

create index diagnostics_newest on diagnostics (worker_id, run_at desc, seq desc);

create table farm_key (
    only_row boolean primary key default true check (only_row),
    key bytea not null check (octet_length(key) = 32)
);

comment on table farm_key is
    'The secret that one-time passwords, tokens of virtual machines and renewed tokens of workers are derived from. Written once, with the table.';

insert into farm_key (key)
select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())); -- 244 random bits

create table worker_tokens (
    hash bytea primary key check (octet_length(hash) = 32),
    worker_id text not null references workers (id) on delete cascade,
    expires_at timestamptz not null
);

comment on table worker_tokens is
    'What workers may poll with instead of the API key: SHA-256 hashes, several a worker while they overlap. Written by register and poll.';

create index worker_tokens_by_age on worker_tokens (worker_id, expires_at);

create table nodes (
    id text primary key,
    host text not null,
    pid integer not null,
    version text not null,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
);

comment on table nodes is
    'The controllers that run on this database; nobody leads. Written by membership, each row by its own node.';
