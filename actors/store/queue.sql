-- Everything that changes who has which build. Every statement is whole: the guard, the change,
-- the attempt, the worker and the log line commit together or not at all.
--
-- Locks are taken in one order everywhere: builds by id, then workers by id, then the rest. `claim`
-- starts with workers, but never waits for a build: it passes over locked ones. A statement that
-- waited for a build may find it granted since: it sees the row as it is now, but not the attempt,
-- which came after its snapshot. It then answers `stale` and is run again.

-- name: submit
-- Insert all waiting submissions with their files and first log lines; a repeated key is the same
-- submission, gets one more token, and its files are left to whoever sent them.
-- $1 ids, $2 platforms, $3 token hashes, $4 submit keys,
-- $5 priorities, $6 artifact ids, $7 ids of their builds, $8 kinds, $9 locations, $10 sizes,
-- $11 digests
with asked as (
    select * from unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::smallint[])
        with ordinality as a (id, platform, token_hash, submit_key, priority, ord)
), known as (
    insert into builds as b (id, platform, token_hashes, submit_key, priority, ranked_at)
    select id, platform, array[token_hash], submit_key, priority,
        now() - priority * interval '10 minutes'
    from asked order by ord
    on conflict (submit_key) do update set token_hashes = b.token_hashes || excluded.token_hashes
    returning b.id, b.submit_key, b.submitted_at, b.xmax = 0 as made
), files as (
    insert into artifacts (id, build_id, kind, state, location, size, sha256)
    select f.id, f.build_id, f.kind, 'current', f.location, f.size, f.sha256
    from unnest($6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bytea[])
        as f (id, build_id, kind, location, size, sha256)
    join known k on k.id = f.build_id and k.made
), line as (
    insert into build_logs (build_id, at, level, message)
    select id, submitted_at, 'info', 'Build submitted' from known where made
)
select id, submit_key, epoch_ms(submitted_at) as submitted_at, made from known;

-- name: claim
-- Match all waiting workers with all waiting builds, by rank (age and priority), in one statement. A worker that
-- holds a build gets the same one again. Workers of one platform are served before those that take
-- any, so that nobody waits beside work it could do: `free` has a row for each kind of worker, and
-- the n-th build goes to the n-th of them. The CTEs are materialized because a LIMIT under SKIP
-- LOCKED that the planner runs twice would lock, and update, too many rows.
-- $1 worker ids in order of arrival, $2 leases to use
with asked as materialized (
    select a.worker_id, a.lease, a.ord, w.name, w.serves, w.controller_url
    from unnest($1::text[], $2::text[]) with ordinality as a (worker_id, lease, ord)
    join workers w on w.id = a.worker_id
), held as materialized (
    select b.id, b.platform, b.attempt, b.lease, b.worker_id, b.started_at, b.submitted_at
    from builds b
    where b.worker_id = any ($1) and b.status in ('assigned', 'building')
), locked as materialized (
    select w.id from workers w where w.id = any ($1) order by w.id for no key update
), free as materialized (
    select a.serves, count(*) as seats, array_agg(a.worker_id order by a.ord) as worker_ids,
        array_agg(a.lease order by a.ord) as leases, array_agg(a.name order by a.ord) as names
    from asked a
    where a.worker_id in (select id from locked)
      and a.worker_id not in (select worker_id from held)
    group by a.serves
), ios as materialized (
    select id, platform, ranked_at, seq, status from builds
    where status = 'pending' and platform = 'ios'
    order by ranked_at, seq limit (select coalesce(sum(seats), 0) from free where serves in ('ios', 'any'))
    for update skip locked
), android as materialized (
    select id, platform, ranked_at, seq, status from builds
    where status = 'pending' and platform = 'android'
    order by ranked_at, seq limit (select coalesce(sum(seats), 0) from free where serves in ('android', 'any'))
    for update skip locked
), waiting as materialized (
    select *, row_number() over (partition by platform order by ranked_at, seq) as place
    from (select * from ios union all select * from android) as both_platforms
), leftover as materialized (
    select w.id, w.status, row_number() over (order by w.ranked_at, w.seq) as place
    from waiting w left join free f on f.serves = w.platform
    where w.place > coalesce(f.seats, 0)
), chosen as materialized (
    select w.id, w.status, f.worker_ids[w.place] as worker_id, f.leases[w.place] as lease,
        f.names[w.place] as name
    from waiting w join free f on f.serves = w.platform and w.place <= f.seats
    union all
    select l.id, l.status, f.worker_ids[l.place], f.leases[l.place], f.names[l.place]
    from leftover l join free f on f.serves = 'any' and l.place <= f.seats
), granted as (
    update builds b
    set status = 'assigned', worker_id = c.worker_id, lease = c.lease,
        attempt = b.attempt + 1, started_at = now()
    from chosen c
    where b.id = c.id and b.status = c.status -- pending; in words it would lead to the wrong index
    returning b.id, b.platform, b.attempt, b.lease, b.worker_id, b.started_at, b.submitted_at, c.name
), attempted as (
    insert into attempts (build_id, attempt, worker_id, lease)
    select id, attempt, worker_id, lease from granted
), busy as (
    update workers w set status = 'building' from granted g where w.id = g.worker_id
), line as (
    insert into build_logs (build_id, level, message)
    select id, 'info', 'Assigned to worker ' || name from granted
), answers as (
    select id, platform, attempt, lease, worker_id, started_at, submitted_at, true as fresh from granted
    union all
    select id, platform, attempt, lease, worker_id, started_at, submitted_at, false from held
)
select a.worker_id, a.name, n.id as build_id, n.platform, n.attempt, n.lease, coalesce(n.fresh, false) as fresh,
    coalesce(extract(epoch from n.started_at - n.submitted_at), 0)::float8 as waited,
    (
        select count(*) from artifacts f -- not `exists`, which may read the certs of all builds
        where f.build_id = n.id and f.kind = 'certs' and f.state = 'current'
    ) > 0 as has_certs,
    coalesce(a.controller_url, (select controller_url from farm_config)) as controller_url,
    (select key from farm_key) as farm_key
from asked a left join answers n on n.worker_id = a.worker_id
order by a.ord;

-- name: settle
-- Apply the ends that workers report, each only if the build is still the reporter's to end.
-- At most one report a build in a call. Locks builds, then workers, in order of id.
-- $1 build ids, $2 worker ids, $3 leases or null, $4 success, $5 error texts,
-- $6 artifact ids or null, $7 locations, $8 sizes, $9 digests
with asked as materialized (
    select * from unnest(
        $1::text[], $2::text[], $3::text[], $4::bool[], $5::text[],
        $6::text[], $7::text[], $8::bigint[], $9::bytea[]
    ) with ordinality as a (
        build_id, worker_id, lease, success, error, artifact_id, location, size, sha256, ord
    )
), locked as materialized (
    select b.id, b.status, b.worker_id, b.lease, b.attempt
    from builds b where b.id = any ($1) order by b.id for update
), reporters as materialized (
    select w.id from workers w
    where w.id = any ($2) and (select count(*) from locked) >= 0 -- so that builds come first
    order by w.id for no key update
), judged as materialized (
    select a.*, case
        when b.id is null then 'unknown_build'
        when b.status in ('assigned', 'building') and not exists (
            select from attempts t
            where t.build_id = b.id and t.attempt = b.attempt and t.ended_at is null
        ) then 'stale'
        when w.id is null then 'unknown_worker'
        when b.status in ('assigned', 'building')
            and (b.worker_id <> a.worker_id or a.lease <> b.lease) then 'not_yours'
        when b.status in ('pending', 'assigned', 'building') then 'applied'
        when b.worker_id = a.worker_id and (b.status = 'completed') = a.success then 'again'
        else 'finished'
    end as verdict
    from asked a
    left join locked b on b.id = a.build_id
    left join reporters w on w.id = a.worker_id
), settled as (
    update builds b
    set status = case when j.success then 'completed' else 'failed' end,
        error_message = case when j.success then null else j.error end,
        worker_id = j.worker_id, lease = null, completed_at = now()
    from judged j
    where b.id = j.build_id and j.verdict = 'applied'
      and b.status in ('pending', 'assigned', 'building')
    returning b.id, j.worker_id, j.success, j.error
), ended as (
    update attempts t
    set ended_at = now(), outcome = case when s.success then 'completed' else 'failed' end
    from settled s where t.build_id = s.id and t.ended_at is null
), counted as (
    update workers w
    set builds_completed = w.builds_completed + c.completed,
        builds_failed = w.builds_failed + c.failed,
        last_seen_at = now(),
        status = case when exists (
            select from builds o
            where o.worker_id = w.id and o.status in ('assigned', 'building')
              and o.id not in (select id from settled)
        ) then 'building' else 'idle' end
    from (
        select worker_id, count(*) filter (where success) as completed,
            count(*) filter (where not success) as failed
        from settled group by worker_id
    ) as c
    where w.id = c.worker_id
), files as (
    insert into artifacts (id, build_id, kind, state, location, size, sha256, worker_id)
    select artifact_id, build_id, 'result',
        case when verdict = 'applied' then 'current' else 'late' end,
        location, size, sha256, worker_id
    from judged
    where artifact_id is not null and verdict in ('applied', 'not_yours', 'finished')
    on conflict (id) do nothing -- a repetition after a lost answer: the row is there
), line as (
    insert into build_logs (build_id, level, message)
    select id, case when success then 'info' else 'error' end,
        case when success then 'Build completed successfully' else error end
    from settled
)
select verdict from judged order by ord;

-- name: cancel
-- End a build for its user; $2 repeats a cancel whose first answer was lost.
-- $1 build id, $2 whether this is such a repeat, $3 the error message
with locked as materialized (
    select id, status, worker_id, error_message, attempt from builds where id = $1 for update
), judged as materialized (
    select l.*, l.status in ('assigned', 'building') and not exists (
        select from attempts t
        where t.build_id = l.id and t.attempt = l.attempt and t.ended_at is null
    ) as stale
    from locked l
), done as (
    update builds b
    set status = 'failed', error_message = $3, completed_at = now(), lease = null
    from judged l
    where b.id = l.id and l.status in ('pending', 'assigned', 'building') and not l.stale
    returning b.id, b.worker_id
), ended as (
    update attempts t set ended_at = now(), outcome = 'cancelled'
    from done d where t.build_id = d.id and t.ended_at is null
), freed as (
    update workers w set status = 'idle' from done d where w.id = d.worker_id and w.status = 'building'
), line as (
    insert into build_logs (build_id, level, message) select id, 'info', 'Build cancelled' from done
)
select case
    when exists (select from done) then 'applied'
    when l.status is null then 'unknown_build'
    when l.stale then 'stale'
    when $2 and l.error_message = $3 then 'again'
    else 'finished'
end as verdict
from (select 1) as one left join judged l on true;

-- name: abandon
-- A worker gives its build up: back to the queue, where it may be already.
-- $1 build id, $2 worker id, $3 lease or null, $4 log line
with locked as materialized (
    select id, status, worker_id, lease, attempt from builds where id = $1 for update
), judged as materialized (
    select l.*, case
        when l.status = 'pending' then 'again'
        when l.status in ('completed', 'failed') then 'finished'
        when not exists (
            select from attempts t
            where t.build_id = l.id and t.attempt = l.attempt and t.ended_at is null
        ) then 'stale'
        when l.worker_id <> $2 or $3::text <> l.lease then 'not_yours'
        else 'applied'
    end as verdict
    from locked l
), returned as (
    update builds b
    set status = 'pending', worker_id = null, lease = null, started_at = null
    from judged j
    where b.id = j.id and j.verdict = 'applied' and b.status in ('assigned', 'building')
    returning b.id, j.worker_id
), ended as (
    update attempts t set ended_at = now(), outcome = 'lost'
    from returned r where t.build_id = r.id and t.ended_at is null
), freed as (
    update workers w set status = 'idle', last_seen_at = now()
    from returned r where w.id = r.worker_id and w.status = 'building'
), line as (
    insert into build_logs (build_id, level, message) select id, 'info', $4::text from returned
)
select coalesce((select verdict from judged), 'unknown_build');

-- name: lose
-- Take builds back from workers that fell silent; too many attempts fail the build.
-- Rows that a sign of life is touching right now are left for the next sweep.
-- $1 seconds of silence, $2 seconds until the first sign, $3 attempts allowed, $4 seconds this
-- controller has been listening without a gap: silence before that proves nothing
with silent as materialized (
    select b.id, b.worker_id, b.attempt, b.attempt >= $3 as last,
        extract(epoch from now() - coalesce(t.last_sign_at, t.granted_at))::bigint as seconds
    from attempts t join builds b on b.id = t.build_id and b.attempt = t.attempt
    where t.ended_at is null and b.status in ('assigned', 'building')
      and $4::float8 >= $1::float8
      and coalesce(t.last_sign_at, t.granted_at) < now() - make_interval(secs => $1::float8)
      and (b.status = 'building' or t.granted_at < now() - make_interval(secs => $2::float8))
    order by b.id
    for update of b, t skip locked
), holders as materialized (
    select w.id from workers w where w.id in (select worker_id from silent)
    order by w.id for no key update
), taken as (
    update builds b
    set status = case when s.last then 'failed' else 'pending' end,
        worker_id = case when s.last then b.worker_id end,
        lease = null,
        started_at = case when s.last then b.started_at end,
        completed_at = case when s.last then now() end,
        error_message = case when s.last
            then 'Build timeout - no heartbeat from worker for ' || s.seconds || 's' end
    from silent s
    where b.id = s.id and b.status in ('assigned', 'building') and b.attempt = s.attempt
      and s.worker_id in (select id from holders)
    returning b.id, s.worker_id, s.attempt, s.last
), ended as (
    update attempts t set ended_at = now(), outcome = 'lost'
    from taken k where t.build_id = k.id and t.attempt = k.attempt
), freed as (
    update workers w set status = 'idle' from taken k where w.id = k.worker_id and w.status = 'building'
), line as (
    insert into build_logs (build_id, level, message)
    select k.id, 'error', 'Build timeout - worker stopped responding' from taken k
    union all
    select k.id, 'info', 'Returned to the queue after attempt ' || k.attempt || ' of ' || $3::int
    from taken k where not k.last
)
select id as build_id, worker_id, attempt, not last as requeued from taken;

-- name: signs_of_life
-- Note that workers were heard of; `building` starts with the first sign of a working build.
-- $1 build ids, $2 worker ids, $3 whether the sign shows a build at work
with heard as materialized (
    select build_id, worker_id, bool_or(working) as working
    from unnest($1::text[], $2::text[], $3::bool[]) as h (build_id, worker_id, working)
    group by build_id, worker_id
), held as materialized (
    select b.id, b.attempt, h.working
    from builds b join heard h on b.id = h.build_id and b.worker_id = h.worker_id
    where b.status in ('assigned', 'building')
    order by b.id for no key update of b
), signed as (
    update attempts t set last_sign_at = now()
    from held h
    where t.build_id = h.id and t.attempt = h.attempt and t.ended_at is null
)
update builds b set status = 'building'
from held h
where h.working and b.id = h.id and b.status = 'assigned';

-- name: is_work_waiting
-- Whether any build waits: what held polls ask for from time to time, in place of a claim.
select exists (select from builds where status = 'pending');
