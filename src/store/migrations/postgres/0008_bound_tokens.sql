-- What tokens are bound to, and how the merchant had proved itself. What was made before says: by one factor, long ago.

alter table authorization_code add column confirmation text; -- null: bound to nothing
alter table authorization_code add column authenticated_at bigint not null default 0;
alter table authorization_code add column acr text not null default 'urn:tollgate:acr:one-factor';

alter table refresh_family add column confirmation text; -- null: bound to nothing
alter table refresh_family add column authenticated_at bigint not null default 0;
alter table refresh_family add column acr text not null default 'urn:tollgate:acr:one-factor';
alter table refresh_family add column ends_at bigint; -- null: lives as long as it is used

-- Merchants log in once more.
drop table login_session;
create table login_session (
    hash bytea constraint login_session_hash_key primary key check (length(hash) = 32),
    id text collate "C" not null, -- by which administrators and the merchant itself name it
    merchant text not null references merchant (id),
    csrf_secret bytea not null check (length(csrf_secret) = 32),
    authenticated_at bigint not null,
    acr text not null,
    created_at bigint not null,
    expires_at bigint not null,
    unique (id)
);
create index login_session_of_merchant on login_session (merchant);
create index login_session_by_expiry on login_session (expires_at);
