-- The later protocol: tokens of workers, one-time passwords, tokens of virtual machines.

create table farm_key (
    only_row boolean primary key default true check (only_row),
    key bytea not null check (octet_length(key) = 32)
);

comment on table farm_key is
    'The secret that one-time passwords, tokens of virtual machines and renewed tokens of workers are derived from. Written once, with the table.';

insert into farm_key (key)
select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())); -- 244 random bits

create table worker_tokens (
    hash bytea primary key check (octet_length(hash) = 32),
    worker_id text not null references workers (id) on delete cascade,
    expires_at timestamptz not null
);

comment on table worker_tokens is
    'What workers may poll with instead of the API key: SHA-256 hashes, several a worker while they overlap. Written by register and poll.';

create index worker_tokens_by_age on worker_tokens (worker_id, expires_at);

alter table attempts
    add column otp_used_at timestamptz,
    add column otp_used_by text,
    add column vm_ready_at timestamptz,
    add constraint attempts_otp_is_used_by_one check ((otp_used_at is null) = (otp_used_by is null)),
    add constraint attempts_ready_vm_is_known check (vm_ready_at is null or otp_used_at is not null);

comment on table attempts is
    'Each time a build was given to a worker. Written by queue_manager (grant, end), heartbeat_monitor (lost), recorder (signs of life) and the virtual machine of the build (password used, ready).';
