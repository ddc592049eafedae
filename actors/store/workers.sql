-- Workers as they announce themselves and are seen.

-- name: register
-- Make a worker, or take a known one back: name, counters and a running build are kept.
-- $1 id, $2 name, $3 capabilities, $4 what it serves
insert into workers as w (id, name, capabilities, serves)
values ($1, $2, $3::jsonb, $4)
on conflict (id) do update set
    capabilities = excluded.capabilities, serves = excluded.serves, last_seen_at = now(),
    -- the worker's row is read as it is now, the builds as they were when the statement began
    status = case when w.status = 'building' or exists (
        select from builds b where b.worker_id = w.id and b.status in ('assigned', 'building')
    ) then 'building' else 'idle' end
returning xmax <> 0 as known;

-- name: seen
-- Note that workers were heard of; an offline one is idle again.
-- $1 worker ids
update workers set last_seen_at = now(), status = case when status = 'offline' then 'idle' else status end
where id = any ($1::text[]);

-- name: hold_worker
-- Lock a worker, after the build it holds: from here on nobody gives it one.
-- $1 worker id
with held as materialized (
    select id from builds where worker_id = $1 and status in ('assigned', 'building') for update
)
select id from workers where id = $1 and (select count(*) from held) >= 0 for update;

-- name: unregister
-- A worker says goodbye: offline, and what it was building goes back to the queue. Run in one
-- transaction after `hold_worker`, because only a later statement sees what was granted meanwhile.
-- $1 worker id
with gone as (
    update workers set status = 'offline', last_seen_at = now() where id = $1 returning id
), returned as (
    update builds b
    set status = 'pending', worker_id = null, lease = null, started_at = null
    where b.worker_id in (select id from gone) and b.status in ('assigned', 'building')
    returning b.id, b.attempt
), ended as (
    update attempts t set ended_at = now(), outcome = 'lost'
    from returned r where t.build_id = r.id and t.ended_at is null
), line as (
    insert into build_logs (build_id, level, message)
    select id, 'info', 'Returned to the queue: its worker signed off' from returned
)
select exists (select from gone) as known, (select count(*) from returned) as returned;

-- name: list_workers
-- Workers for the dashboard, last seen first.
select id, name, status, capabilities, builds_completed, builds_failed,
    epoch_ms(last_seen_at) as last_seen_at
from workers order by last_seen_at desc limit $1;

-- name: worker_stats
-- What a worker has done, and for how many seconds we have known it.
-- $1 worker id
select name, status, builds_completed, builds_failed,
    extract(epoch from now() - registered_at)::float8 as known_seconds
from workers where id = $1;

-- name: send_worker
-- Where one worker shall send its requests from now on. Nothing is returned for an unknown one.
-- $1 worker id, $2 address or null
update workers set controller_url = $2 where id = $1 returning id;

-- name: send_everyone
-- Where all workers shall send their requests from now on.
-- $1 address or null
insert into farm_config (controller_url) values ($1)
on conflict (only_row) do update set controller_url = excluded.controller_url;

-- name: destinations
-- What is set: for everyone (no worker id), then for single workers.
select null as worker_id, controller_url from farm_config where controller_url is not null
union all
select id, controller_url from workers where controller_url is not null
order by 1 nulls first;
