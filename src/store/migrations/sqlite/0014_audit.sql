-- Who changed what: kept with the change itself, and never changed.

create table audit_record (
    number integer primary key autoincrement,
    at integer not null,
    actor text not null, -- administrator:NAME or merchant:ID
    credential text, -- the id of an admin token; null: the one that the node was started with, or none
    address text,
    request_id text,
    action text not null,
    subject text not null,
    before text, -- JSON
    after text -- JSON
) strict;
create index audit_record_of_subject on audit_record (subject, number);
create index audit_record_of_actor on audit_record (actor, number);
create trigger audit_record_stays before update on audit_record begin
    select raise(abort, 'an audit record never changes');
end;
create trigger audit_record_is_kept before delete on audit_record begin
    select raise(abort, 'an audit record is never removed');
end;

-- What administrators prove themselves with, beside the token that a node is started with.
create table admin_token (
    id text primary key,
    name text not null, -- whose it is
    hash blob not null check (length(hash) = 32), -- SHA-256
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    unique (hash)
) strict, without rowid;
