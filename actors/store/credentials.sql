-- Tokens of workers, one-time passwords and tokens of virtual machines; all times by this clock.
-- No secret but the farm's own key is in the database: hashes, and when something was used.

-- name: issue_worker_token
-- Note a token, or let it last again; a worker's expired ones are removed on the way. Never waits
-- for another poll of the same worker that removes them, too.
-- $1 hash, $2 worker id, $3 seconds it lasts
with issued as (
    insert into worker_tokens as t (hash, worker_id, expires_at)
    values ($1, $2, now() + make_interval(secs => $3::float8))
    on conflict (hash) do update set expires_at = greatest(t.expires_at, excluded.expires_at)
), old as materialized (
    select hash from worker_tokens
    where worker_id = $2 and hash <> $1 and expires_at < now() - interval '5 minutes'
    for update skip locked
)
delete from worker_tokens where hash in (select hash from old);

-- name: find_worker_token
-- Whose token this is and for how many seconds more.
-- $1 hash
select t.hash, t.worker_id, extract(epoch from t.expires_at - now())::float8 as seconds_left, k.key
from worker_tokens t cross join farm_key k
where t.hash = $1 and t.expires_at > now();

-- name: find_attempt
-- The present attempt of a build, or its last one, and what its credentials are worth.
-- $1 build id, $2 seconds a password lasts, $3 seconds a token of a machine lasts
select t.worker_id, t.lease, t.ended_at is null as live,
    coalesce(t.outcome = 'completed', false) as completed,
    t.granted_at > now() - make_interval(secs => $2::float8) as otp_lasts,
    t.otp_used_at is not null as otp_used,
    coalesce(t.otp_used_at > now() - make_interval(secs => $3::float8), false) as vm_lasts,
    epoch_ms(t.vm_ready_at) as vm_ready_at, k.key
from builds b join attempts t on t.build_id = b.id and t.attempt = b.attempt
cross join farm_key k
where b.id = $1;

-- name: use_otp
-- Use the password of an attempt, once: the check and the mark are one statement. Whoever repeats
-- its own use gets the same answer. The build is locked first, as everywhere.
-- $1 build id, $2 lease, $3 who uses it, $4 seconds a password lasts, $5 seconds a token lasts
with held as materialized (
    select id from builds where id = $1 for key share
), found as materialized (
    select t.build_id, t.attempt, t.otp_used_at is null as first
    from attempts t
    where t.build_id in (select id from held) and t.lease = $2 and t.ended_at is null
      and t.granted_at > now() - make_interval(secs => $4::float8)
      and (t.otp_used_at is null or t.otp_used_by = $3)
    for update
), used as (
    update attempts t set otp_used_at = coalesce(t.otp_used_at, now()), otp_used_by = $3
    from found f where t.build_id = f.build_id and t.attempt = f.attempt
    returning t.build_id, t.otp_used_at, f.first
), line as (
    insert into build_logs (build_id, level, message)
    select build_id, 'info', 'VM authenticated with OTP' from used where first
)
select epoch_ms(otp_used_at + make_interval(secs => $5::float8)) from used;

-- name: note_vm_ready
-- Note that the virtual machine of an attempt is ready; the first time stays.
-- $1 build id, $2 lease
with held as materialized (
    select id from builds where id = $1 for key share
), found as materialized (
    select t.build_id, t.attempt, t.vm_ready_at is null as first
    from attempts t
    where t.build_id in (select id from held) and t.lease = $2 and t.ended_at is null
    for update
), ready as (
    update attempts t set vm_ready_at = coalesce(t.vm_ready_at, now())
    from found f where t.build_id = f.build_id and t.attempt = f.attempt
    returning t.build_id, t.vm_ready_at, f.first
), line as (
    insert into build_logs (build_id, level, message)
    select build_id, 'info', 'VM signaled ready' from ready where first
)
select epoch_ms(vm_ready_at) from ready;

-- name: is_foreign
-- Whether a build is there that this worker never had.
-- $1 build id, $2 worker id
select exists (select from builds where id = $1)
    and not exists (select from attempts where build_id = $1 and worker_id = $2);
