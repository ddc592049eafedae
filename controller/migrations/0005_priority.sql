-- A more important build stands further ahead, by a fixed head start for each step: so it passes
-- those that came shortly before, and nobody waits for ever.

alter table builds
    add column priority smallint not null default 0 check (priority between -9 and 9),
    add column ranked_at timestamptz not null default now();

update builds set ranked_at = submitted_at;

drop index builds_waiting;

create index builds_waiting on builds (platform, ranked_at, seq) where status = 'pending';
