-- What apps registered as OAuth2 clients, client secrets that can be named and that end, which client assertions were used,
-- and authorization requests that were pushed.

-- An app without a row here has the settings of its kind.
create table client_settings (
    app text primary key references app (id),
    auth_methods text not null, -- with blanks between them
    grant_types text not null, -- with blanks between them
    jwks text, -- a JWK Set; null: it has no keys
    tls_name text, -- which name of its certificate, "=", and that; null: none
    dpop_bound_tokens boolean not null,
    certificate_bound_tokens boolean not null,
    requires_par boolean not null
);
create trigger client_settings_changed after insert or update or delete on client_settings
    for each row execute function note_identity_change('app');

-- By which it is named; it says nothing of the secret. A node of an older program gives none.
alter table app_secret add column id text collate "C" not null
    default 'sec_' || replace(gen_random_uuid()::text, '-', '');
alter table app_secret add constraint app_secret_id_key unique (id);
alter table app_secret add column expires_at bigint; -- null: it works until it is revoked
create trigger app_secret_changed after update or delete on app_secret
    for each row execute function note_identity_change('app');

-- Each works once, on any node, before and after a restart.
create table used_assertion (
    app text not null references app (id),
    hash bytea not null check (length(hash) = 32), -- SHA-256 of its jti
    expires_at bigint not null, -- from when it would be refused for its age
    constraint used_assertion_app_key primary key (app, hash)
);
create index used_assertion_by_expiry on used_assertion (expires_at);

create table pushed_request (
    hash bytea constraint pushed_request_hash_key primary key check (length(hash) = 32), -- SHA-256 of its request_uri
    app text not null references app (id),
    request text not null, -- its parameters, form-encoded
    created_at bigint not null,
    expires_at bigint not null
);
create index pushed_request_by_expiry on pushed_request (expires_at);
