-- Who changed what: kept with the change itself, and never changed.

create table audit_record (
    number bigint generated always as identity primary key,
    at bigint not null,
    actor text not null, -- administrator:NAME or merchant:ID
    credential text, -- the id of an admin token; null: the one that the node was started with, or none
    address text,
    request_id text,
    action text not null,
    subject text not null,
    before text, -- JSON
    after text -- JSON
);
create index audit_record_of_subject on audit_record (subject, number);
create index audit_record_of_actor on audit_record (actor, number);
create function keep_audit_record() returns trigger language plpgsql as $$
begin
    raise exception 'an audit record never changes';
end
$$;
create trigger audit_record_stays before update or delete on audit_record
    for each row execute function keep_audit_record();
create trigger audit_records_are_kept before truncate on audit_record
    for each statement execute function keep_audit_record();

-- What administrators prove themselves with, beside the token that a node is started with.
create table admin_token (
    id text collate "C" primary key,
    name text not null, -- whose it is
    hash bytea not null check (length(hash) = 32), -- SHA-256
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint,
    unique (hash)
);
