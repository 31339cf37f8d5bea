-- Partners, apps, merchants and what ties them together. Times: microseconds since 1970 (UTC).

create table partner (
    id text primary key,
    name text not null,
    standing text not null check (standing in ('active', 'suspended')),
    created_at integer not null
) strict, without rowid;

create table app (
    id text primary key,
    partner text not null references partner (id),
    name text not null,
    environment text not null check (environment in ('live', 'sandbox')),
    kind text not null check (kind in ('confidential', 'public')),
    redirect_uris text not null, -- a JSON array
    scopes text not null, -- with blanks between them, as in OAuth2
    default_scopes text not null,
    requires_pkce integer not null check (requires_pkce in (0, 1)),
    standing text not null check (standing in ('active', 'suspended')),
    created_at integer not null
) strict, without rowid;
create index app_of_partner on app (partner, id);

-- Several may be alive at once, so that a client can change its secret without an outage.
create table app_secret (
    app text not null references app (id),
    hash blob not null check (length(hash) = 32), -- SHA-256
    created_at integer not null,
    revoked_at integer,
    primary key (app, hash)
) strict, without rowid;

create table subscription (
    id text primary key,
    app text not null references app (id),
    product text not null,
    plan text not null,
    starts_at integer not null,
    ends_at integer
) strict, without rowid;
create index subscription_of_app on subscription (app, product);

create table api_key (
    id text primary key,
    hash blob not null check (length(hash) = 32), -- SHA-256
    app text not null references app (id),
    scopes text, -- null: as the app
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    unique (hash)
) strict, without rowid;
create index api_key_of_app on api_key (app, created_at);

create table merchant (
    id text primary key,
    username text not null,
    password_hash text not null, -- argon2id, in the PHC format
    name text not null,
    standing text not null check (standing in ('active', 'suspended')),
    created_at integer not null,
    unique (username)
) strict, without rowid;

-- "grant" is a word of SQL's own.
create table merchant_grant (
    id text primary key,
    merchant text not null references merchant (id),
    app text not null references app (id),
    scopes text not null,
    created_at integer not null,
    revoked_at integer
) strict, without rowid;
create unique index merchant_grant_active on merchant_grant (merchant, app) where revoked_at is null;
create index merchant_grant_of_merchant on merchant_grant (merchant, id);
create index merchant_grant_of_app on merchant_grant (app, id);
