-- What apps registered as OAuth2 clients, client secrets that can be named and that end, which client assertions were used,
-- and authorization requests that were pushed.

-- An app without a row here has the settings of its kind.
create table client_settings (
    app text primary key references app (id),
    auth_methods text not null, -- with blanks between them
    grant_types text not null, -- with blanks between them
    jwks text, -- a JWK Set; null: it has no keys
    tls_name text, -- which name of its certificate, "=", and that; null: none
    dpop_bound_tokens integer not null check (dpop_bound_tokens in (0, 1)),
    certificate_bound_tokens integer not null check (certificate_bound_tokens in (0, 1)),
    requires_par integer not null check (requires_par in (0, 1))
) strict, without rowid;
create trigger client_settings_made after insert on client_settings begin
    insert into identity_change (subject) values (new.app);
end;
create trigger client_settings_changed after update on client_settings begin
    insert into identity_change (subject) values (new.app);
end;
create trigger client_settings_removed after delete on client_settings begin
    insert into identity_change (subject) values (old.app);
end;

create table named_secret (
    app text not null references app (id),
    hash blob not null check (length(hash) = 32), -- SHA-256
    id text not null, -- by which it is named; it says nothing of the secret
    created_at integer not null,
    expires_at integer, -- null: it works until it is revoked
    revoked_at integer,
    primary key (app, hash),
    unique (id)
) strict, without rowid;
insert into named_secret (app, hash, id, created_at, revoked_at)
    select app, hash, 'sec_' || lower(hex(randomblob(10))), created_at, revoked_at from app_secret;
drop table app_secret;
alter table named_secret rename to app_secret;
create trigger app_secret_changed after update on app_secret begin
    insert into identity_change (subject) values (new.app);
end;
create trigger app_secret_removed after delete on app_secret begin
    insert into identity_change (subject) values (old.app);
end;

-- Each works once, on any node, before and after a restart.
create table used_assertion (
    app text not null references app (id),
    hash blob not null check (length(hash) = 32), -- SHA-256 of its jti
    expires_at integer not null, -- from when it would be refused for its age
    primary key (app, hash)
) strict, without rowid;
create index used_assertion_by_expiry on used_assertion (expires_at);

create table pushed_request (
    hash blob primary key check (length(hash) = 32), -- SHA-256 of its request_uri
    app text not null references app (id),
    request text not null, -- its parameters, form-encoded
    created_at integer not null,
    expires_at integer not null
) strict, without rowid;
create index pushed_request_by_expiry on pushed_request (expires_at);
