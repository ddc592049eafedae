-- Submitting a finished or hopeless build once more, without moving a byte.

-- name: retry
-- A new build of the same platform that shares the files of the old one, the line in each log, all
-- or nothing. The rows of the shared files are held, so that whoever deletes them at this moment is
-- either first (then there is no such file, and no row is returned without a source) or sees ours.
-- A repeated key is the same retry and gets one more token.
-- $1 old id, $2 new id, $3 token hash, $4 submit key, $5 artifact ids, $6 kinds to share
with original as materialized (
    select id, platform, priority from builds where id = $1 for key share
), files as materialized (
    select n.id, f.kind, f.location, f.size, f.sha256
    from artifacts f join unnest($5::text[], $6::text[]) as n (id, kind) on n.kind = f.kind
    where f.build_id = (select id from original) and f.state = 'current'
    for key share of f
), submitted as (
    insert into builds as b (id, platform, token_hashes, submit_key, priority, ranked_at)
    select $2, platform, array[$3::bytea], $4, priority, now() - priority * interval '10 minutes'
    from original
    where exists (select from files where kind = 'source')
    on conflict (submit_key) do update set token_hashes = b.token_hashes || excluded.token_hashes
    returning b.id, b.platform, b.submitted_at, b.xmax = 0 as made
), shared as (
    insert into artifacts (id, build_id, kind, state, location, size, sha256)
    select f.id, s.id, f.kind, 'current', f.location, f.size, f.sha256
    from submitted s cross join files f where s.made
), lines as (
    insert into build_logs (build_id, at, level, message)
    select id, submitted_at, 'info', 'Build submitted (retry of ' || $1::text || ')'
    from submitted where made
    union all
    select $1, clock_timestamp(), 'info', 'Retried as build ' || id from submitted where made
)
select id, platform, epoch_ms(submitted_at) as submitted_at, made from submitted;
