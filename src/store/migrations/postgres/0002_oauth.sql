-- The authorization server's state. Of codes, tokens and sessions only hashes (SHA-256) are kept.

create table authorization_code (
    hash bytea constraint authorization_code_hash_key primary key check (length(hash) = 32),
    app text not null references app (id),
    merchant text not null references merchant (id),
    grant_id text not null references merchant_grant (id),
    family text not null, -- of the refresh tokens that it gives, once it is redeemed
    redirect_uri text, -- null: the request had none
    scopes text not null,
    challenge text, -- null: the request had none
    issued_at bigint not null,
    expires_at bigint not null,
    redeemed_at bigint,
    replayed_at bigint, -- the first time that it came again
    unique (family)
);
create index authorization_code_by_expiry on authorization_code (expires_at);

-- The refresh tokens that descend from one authorization.
create table refresh_family (
    id text collate "C" primary key,
    app text not null references app (id),
    merchant text not null references merchant (id),
    grant_id text not null references merchant_grant (id),
    scopes text not null,
    created_at bigint not null,
    touched_at bigint not null,
    expires_at bigint not null, -- when its last token expires
    revoked_at bigint
);
create index refresh_family_of_grant on refresh_family (grant_id);
create index refresh_family_by_expiry on refresh_family (expires_at);

create table refresh_token (
    hash bytea constraint refresh_token_hash_key primary key check (length(hash) = 32),
    family text not null references refresh_family (id),
    parent bytea, -- the token that it replaced
    issued_at bigint not null,
    expires_at bigint not null,
    spent_at bigint -- when its successor, or another successor of its parent, was first used
);
create index refresh_token_of_family on refresh_token (family, parent);
create index refresh_token_by_expiry on refresh_token (expires_at);

-- Browsers in which a merchant has logged in.
create table login_session (
    hash bytea constraint login_session_hash_key primary key check (length(hash) = 32),
    merchant text not null references merchant (id),
    csrf_secret bytea not null check (length(csrf_secret) = 32),
    created_at bigint not null,
    expires_at bigint not null
);
create index login_session_of_merchant on login_session (merchant);
create index login_session_by_expiry on login_session (expires_at);

create table signing_key (
    kid text collate "C" constraint signing_key_kid_key primary key,
    algorithm text not null,
    sealed bytea not null, -- the private key as the caller sealed it
    created_at bigint not null,
    retired_at bigint
);
