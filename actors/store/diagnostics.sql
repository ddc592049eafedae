-- What machines tell about themselves: reports of workers, samples of builds.

-- name: report
-- Keep a report; nothing is returned for an unknown worker. A repetition is the same report.
-- $1 id, $2 worker id, $3 status, $4 milliseconds it took, $5 whether it repaired things, $6 checks
insert into diagnostics (id, worker_id, status, duration_ms, auto_fixed, checks)
select $1, w.id, $3, $4, $5, $6 from workers w where w.id = $2
on conflict (id) do update set id = excluded.id
returning id;

-- name: reports
-- The newest reports of a worker. One row of nulls when it has none, no row when it is unknown.
-- $1 worker id, $2 how many, null for all
select d.id, w.id as worker_id, d.status, epoch_ms(d.run_at) as run_at, d.duration_ms, d.auto_fixed,
    d.checks
from workers w left join lateral (
    select * from diagnostics r where r.worker_id = w.id order by r.run_at desc, r.seq desc limit $2
) as d on true
where w.id = $1
order by d.run_at desc, d.seq desc;

-- name: forget_samples
-- Delete samples of machines that nobody asks for any more, some at a time.
-- $1 age in days, $2 how many at most
with old as (
    select id from cpu_samples where at < now() - make_interval(days => $1) order by at limit $2
), gone as (
    delete from cpu_samples s using old where s.id = old.id returning s.id
)
select count(*) from gone;
