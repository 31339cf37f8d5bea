-- Logins by an account at an identity provider wait for the second factor, too. Those that wait now begin anew.

drop table pending_login;
create table pending_login (
    hash blob primary key check (length(hash) = 32),
    merchant text not null references merchant (id),
    password_hash text, -- what the password was checked against: with another one the login begins anew
    issuer text, -- without it, the account at an identity provider
    subject text,
    authenticated_at integer, -- and when its owner proved himself there
    expires_at integer not null,
    check ((password_hash is null) = (issuer is not null)),
    check ((issuer is null) = (subject is null) and (issuer is null) = (authenticated_at is null))
) strict, without rowid;
create index pending_login_by_expiry on pending_login (expires_at);

-- Since when a user has to have proved himself there, if he was asked to anew.
alter table federated_login add column proven_since integer;

-- How many requests of an app wait is counted with each that it pushes.
create index pushed_request_of_app on pushed_request (app, expires_at);
