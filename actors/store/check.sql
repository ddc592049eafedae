-- What must be true of the rows at any moment, as questions for the rows that break it. Each returns
-- one text a row, which says what is wrong with which; the comment is the law that operators read.

-- name: one_holder
-- A build is with at most one worker, and a worker holds at most one build.
select 'build ' || build_id || ' has ' || count(*) || ' live attempts' from attempts
where ended_at is null group by build_id having count(*) > 1
union all
select 'worker ' || worker_id || ' has ' || count(*) || ' live attempts' from attempts
where ended_at is null group by worker_id having count(*) > 1
union all
select 'worker ' || worker_id || ' holds ' || count(*) || ' builds' from builds
where status in ('assigned', 'building') group by worker_id having count(*) > 1;

-- name: one_lease
-- A lease is given once.
select 'lease ' || lease || ' was given ' || count(*) || ' times' from attempts
group by lease having count(*) > 1;

-- name: attempts_in_order
-- Attempts of a build are numbered from 1 without holes, as many as its row says; a live one is the last.
select 'build ' || b.id || ' counts ' || b.attempt || ' attempts, there are ' || count(t.build_id)
    || ' up to number ' || coalesce(max(t.attempt), 0)
from builds b left join attempts t on t.build_id = b.id
group by b.id, b.attempt
having b.attempt <> count(t.build_id) or b.attempt <> coalesce(max(t.attempt), 0)
union all
select 'build ' || t.build_id || ' has live attempt ' || t.attempt || ' of ' || b.attempt
from attempts t join builds b on b.id = t.build_id
where t.ended_at is null and t.attempt <> b.attempt;

-- name: active_builds_are_held
-- A build in work has its one live attempt, of the same worker and lease; no other build has one.
select 'build ' || b.id || ' is ' || b.status || ' without its live attempt' from builds b
where b.status in ('assigned', 'building') and not exists (
    select from attempts t
    where t.build_id = b.id and t.attempt = b.attempt and t.ended_at is null
      and t.worker_id = b.worker_id and t.lease = b.lease
)
union all
select 'build ' || b.id || ' is ' || b.status || ' and has live attempt ' || t.attempt
from attempts t join builds b on b.id = t.build_id
where t.ended_at is null and b.status not in ('assigned', 'building');

-- name: pending_builds_are_free
-- A waiting build belongs to nobody and has no end.
select 'build ' || id || ' is pending with ' || concat_ws(', ',
    'worker ' || worker_id, 'lease ' || lease, 'start ' || started_at, 'end ' || completed_at)
from builds
where status = 'pending'
  and (worker_id is not null or lease is not null or started_at is not null or completed_at is not null);

-- name: ends_are_whole
-- A finished build has the time of its end, a line about it in its log, and a reason if it failed.
select 'build ' || id || ' is ' || status || ' without the time of its end' from builds
where (status in ('completed', 'failed')) <> (completed_at is not null)
union all
select 'build ' || id || ' failed without a reason' from builds
where status = 'failed' and error_message is null
union all
select 'build ' || b.id || ' is ' || b.status || ' and its log does not say so' from builds b
where b.status in ('completed', 'failed') and not exists (
    select from build_logs l
    where l.build_id = b.id and case
        when b.status = 'completed' then l.level = 'info' and l.message = 'Build completed successfully'
        else l.message in (
            b.error_message, 'Build cancelled', 'Build timeout - worker stopped responding')
    end
);

-- name: ended_once
-- At most one attempt of a build ends it: the last one, in the name of the worker that the build names.
select 'build ' || build_id || ' was ended by ' || count(*) || ' attempts' from attempts
where outcome in ('completed', 'failed', 'cancelled') group by build_id having count(*) > 1
union all
select 'attempt ' || t.attempt || ' of build ' || b.id || ' by worker ' || t.worker_id || ' '
    || t.outcome || ', the build is ' || b.status || concat(' by worker ', b.worker_id)
from attempts t join builds b on b.id = t.build_id
where t.outcome in ('completed', 'failed', 'cancelled') and (
    t.attempt <> b.attempt
    or t.worker_id is distinct from b.worker_id
    or b.status <> case when t.outcome = 'completed' then 'completed' else 'failed' end
);

-- name: counters_are_true
-- A worker's counters are the builds that it reported; cancelled and lost ones count for nobody.
select 'worker ' || w.id || ' counts ' || w.builds_completed || ' completed and ' || w.builds_failed
    || ' failed, its builds are ' || coalesce(f.completed, 0) || ' and ' || coalesce(f.failed, 0)
from workers w left join (
    select b.worker_id, count(*) filter (where b.status = 'completed') as completed,
        count(*) filter (where b.status = 'failed' and not exists (
            select from attempts t -- ended together with the build, by somebody else
            where t.build_id = b.id and t.outcome in ('lost', 'cancelled')
              and t.ended_at = b.completed_at
        )) as failed
    from builds b where b.status in ('completed', 'failed') group by b.worker_id
) f on f.worker_id = w.id
where (w.builds_completed, w.builds_failed) <> (coalesce(f.completed, 0), coalesce(f.failed, 0));

-- name: workers_say_what_they_do
-- A worker is shown as building exactly while it holds a build.
select 'worker ' || w.id || ' is ' || w.status || ' and holds ' || coalesce(b.id, 'no build')
from workers w left join builds b on b.worker_id = w.id and b.status in ('assigned', 'building')
where (w.status = 'building') <> (b.id is not null);

-- name: results_are_there
-- A completed build has one result that is served; no other build has one.
select 'build ' || b.id || ' is ' || b.status || ' with ' || count(f.id) || ' current results'
from builds b left join artifacts f
    on f.build_id = b.id and f.kind = 'result' and f.state = 'current'
group by b.id, b.status having count(f.id) <> case when b.status = 'completed' then 1 else 0 end;

-- name: sources_are_there
-- A build that is not finished has the one source that its worker needs.
select 'build ' || b.id || ' is ' || b.status || ' with ' || count(f.id) || ' sources'
from builds b left join artifacts f
    on f.build_id = b.id and f.kind = 'source' and f.state = 'current'
where b.status in ('pending', 'assigned', 'building')
group by b.id, b.status having count(f.id) <> 1;

-- name: no_orphans
-- Every row belongs to a build and a worker that exist.
select r.kind || ' of build ' || r.build_id || ', which does not exist' from (
    select 'attempt' as kind, build_id from attempts
    union select 'artifact', build_id from artifacts
    union select 'log line', build_id from build_logs
    union select 'sample', build_id from cpu_samples
) r where not exists (select from builds b where b.id = r.build_id)
union all
select r.kind || ' of worker ' || r.worker_id || ', which does not exist' from (
    select 'build' as kind, worker_id from builds
    union select 'attempt', worker_id from attempts
    union select 'artifact', worker_id from artifacts
    union select 'diagnosis', worker_id from diagnostics
    union select 'token', worker_id from worker_tokens
) r where r.worker_id is not null and not exists (select from workers w where w.id = r.worker_id);

-- name: stored
-- No law, but what the files are held against: every location with what must lie there.
select distinct location, size, sha256 from artifacts order by location;
