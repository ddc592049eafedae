-- Which controllers run on this database.

create table nodes (
    id text primary key,
    host text not null,
    pid integer not null,
    version text not null,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
);

comment on table nodes is
    'The controllers that run on this database; nobody leads. Written by membership, each row by its own node.';
