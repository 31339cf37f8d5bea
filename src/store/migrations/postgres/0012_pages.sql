-- Devices that ask for a merchant's consent from afar (RFC 8628), and second factors of merchants.

create table device_code (
    hash bytea constraint device_code_hash_key primary key check (length(hash) = 32), -- of the device code
    user_code bytea not null check (length(user_code) = 32), -- its hash
    app text not null references app (id),
    scopes text not null,
    stage text not null, -- waiting, allowed, denied or redeemed
    poll_seconds bigint not null, -- how long the device has to wait between two questions
    polled_at bigint, -- when it last asked
    issued_at bigint not null,
    expires_at bigint not null,
    unique (user_code)
);
create index device_code_by_expiry on device_code (expires_at);

-- What makes a merchant's one-time passwords (RFC 6238).
create table second_factor (
    merchant text primary key references merchant (id),
    sealed bytea not null, -- the secret as the caller sealed it
    last_step bigint not null, -- the time step of the last password that was used
    failures bigint not null, -- wrong passwords since the last right one
    tried_at bigint not null, -- when one was last tried
    confirmed_at bigint, -- null: no password of it was shown yet
    offered_by text not null, -- the session that made it: no other may confirm it
    offered_at bigint not null
);

-- Each stands in for a one-time password once.
create table recovery_code (
    hash bytea constraint recovery_code_hash_key primary key check (length(hash) = 32),
    merchant text not null references second_factor (merchant) on delete cascade
);
create index recovery_code_of_merchant on recovery_code (merchant);

-- Logins whose password was right, and that wait for the second factor.
create table pending_login (
    hash bytea constraint pending_login_hash_key primary key check (length(hash) = 32),
    merchant text not null references merchant (id),
    password_hash text not null, -- what the password was checked against: with another one the login begins anew
    expires_at bigint not null
);
create index pending_login_by_expiry on pending_login (expires_at);
