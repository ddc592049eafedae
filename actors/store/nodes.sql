-- Controllers on this database.

-- name: seen
-- Note that a node lives. $1 id, $2 host, $3 process id, $4 version
insert into nodes (id, host, pid, version) values ($1, $2, $3, $4)
on conflict (id) do update set seen_at = now();

-- name: forget_silent
-- Drop nodes that have not been seen for a while: killed ones say no goodbye. $1 seconds
delete from nodes where seen_at < now() - make_interval(secs => $1::float8) returning id;

-- name: leave
-- A node says goodbye. $1 id
delete from nodes where id = $1;

-- name: list_nodes
-- All nodes, oldest first, with how long ago each was seen.
select id, host, pid, version, epoch_ms(started_at) as started_at,
    extract(epoch from now() - seen_at)::float8 as silent_seconds
from nodes order by nodes.started_at, id;
