-- Builds as they are read; nothing here changes a row.

-- name: get_builds
-- Builds with their current files, a row a file: all that routes and guards need. $1 ids
-- (lateral, with a fence: on a young database the planner has no statistics, and would read every
-- file there is to find those of one build)
select b.id as key, b.status, b.platform, b.worker_id, b.lease,
    epoch_ms(b.submitted_at) as submitted_at, epoch_ms(b.started_at) as started_at,
    epoch_ms(b.completed_at) as completed_at, b.error_message,
    coalesce(w.controller_url, (select controller_url from farm_config)) as controller_url,
    f.id, f.kind, f.location, f.size, f.sha256
from builds b
left join workers w on w.id = b.worker_id
left join lateral (
    select id, kind, location, size, sha256 from artifacts
    where build_id = b.id and state = 'current' offset 0
) f on true
where b.id = any ($1::text[]);

-- name: describe_build
-- What a page about one build shows; its last change is the last time that we wrote down.
select b.id, b.platform, b.status, b.worker_id, w.name as worker_name,
    epoch_ms(b.submitted_at) as submitted_at, b.error_message,
    epoch_ms(greatest(b.submitted_at, b.started_at, b.completed_at, (
        select max(greatest(t.granted_at, t.ended_at)) from attempts t where t.build_id = b.id
    ))) as updated_at,
    exists (
        select from artifacts f where f.build_id = b.id and f.kind = 'result' and f.state = 'current'
    ) as has_result
from builds b left join workers w on w.id = b.worker_id where b.id = $1;

-- name: token_opens
-- Whether a build token belongs to a build. $1 id, $2 hash of the token
select exists (select from builds where id = $1 and $2::bytea = any (token_hashes));

-- name: list_builds
-- Every build, newest first: the whole list, because clients know no paging.
select id, status, epoch_ms(submitted_at) as submitted_at, epoch_ms(completed_at) as completed_at
from builds order by builds.submitted_at desc, seq desc;

-- name: list_active
-- Builds that are with a worker now.
select id, status, platform, worker_id, epoch_ms(started_at) as started_at
from builds where status in ('assigned', 'building') order by builds.started_at;

-- name: recent_builds
-- The newest builds for the dashboard, with the worker's name.
select b.id, b.status, b.platform, w.name as worker_name, epoch_ms(b.submitted_at) as submitted_at,
    epoch_ms(b.started_at) as started_at, epoch_ms(b.completed_at) as completed_at
from builds b left join workers w on w.id = b.worker_id
order by b.submitted_at desc, b.seq desc limit $1;

-- name: inputs
-- The files that a build was submitted with.
select id, kind, location, size, sha256 from artifacts
where build_id = $1 and kind in ('source', 'certs') and state = 'current' order by kind desc;

-- name: known_locations
-- Which of these locations belong to a row, or to several.
select distinct location from artifacts where location = any ($1::text[]);

-- name: read_logs
-- All lines of a build, oldest first.
select epoch_ms(at) as timestamp, level, message from build_logs where build_id = $1 order by at, id;

-- name: append_logs
-- Store lines in the order given; lines of builds that do not exist are dropped.
-- $1 build ids, $2 levels, $3 messages
insert into build_logs (build_id, level, message)
select l.build_id, l.level, l.message
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as l (build_id, level, message, ord)
where exists (select from builds b where b.id = l.build_id)
order by l.ord;

-- name: append_samples
-- Store what builds took of their machines; samples of builds that do not exist are dropped.
-- $1 build ids, $2 percents of a core, $3 mebibytes
insert into cpu_samples (build_id, cpu_percent, memory_mb)
select s.build_id, s.cpu_percent, s.memory_mb
from unnest($1::text[], $2::float8[], $3::float8[]) as s (build_id, cpu_percent, memory_mb)
where exists (select from builds b where b.id = s.build_id);

-- name: queue_counts
-- What /health shows.
select count(*) filter (where status = 'pending') as pending,
    count(*) filter (where status in ('assigned', 'building')) as active
from builds where status in ('pending', 'assigned', 'building');

-- name: statistics
-- How many builds there are by state; cancelled ones are counted apart from those that failed.
-- $1 the error message of cancelled builds
select count(*) as total,
    count(*) filter (where status = 'pending') as pending,
    count(*) filter (where status = 'assigned') as assigned,
    count(*) filter (where status = 'building') as building,
    count(*) filter (where status = 'completed') as completed,
    count(*) filter (where status = 'failed' and error_message <> $1) as failed,
    count(*) filter (where status = 'failed' and error_message = $1) as cancelled
from builds;

-- name: stats
-- What /api/stats shows: true figures.
select
    (select count(*) from workers
        where status in ('idle', 'building') and last_seen_at > now() - interval '2 minutes') as nodes_online,
    (select count(*) from builds where status = 'pending') as builds_queued,
    (select count(*) from builds where status in ('assigned', 'building')) as active_builds,
    (select count(*) from builds where status = 'completed'
        and completed_at >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC') as builds_today,
    (select count(*) from builds where status in ('completed', 'failed')) as total_builds,
    (select coalesce(sum(epoch_ms(completed_at) - epoch_ms(started_at)), 0) from builds
        where status in ('completed', 'failed') and started_at is not null)::bigint as total_build_time_ms,
    (select coalesce(avg(cpu_percent), 0) from cpu_samples)::float8 as mean_cpu_percent;
