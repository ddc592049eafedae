-- Retries share stored files with their original; diagnostics of workers; where workers are sent.

alter table artifacts drop constraint artifacts_location_key;
create index artifacts_by_location on artifacts (location);

comment on table artifacts is
    'The stored files, one row a build and file: current ones are served, late ones are kept as evidence. Retries share bytes: a file stays as long as a row names it. Written by queue_manager, after the bytes are on disk.';

alter table workers add column controller_url text;

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
