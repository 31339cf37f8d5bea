-- Accounts at identity providers that are merchants here, and logins there that are under way.

create table linked_account (
    issuer text not null,
    subject text not null,
    merchant text not null references merchant (id),
    linked_at bigint not null,
    primary key (issuer, subject),
    unique (issuer, merchant) -- a merchant has one account at a provider
);
create index linked_account_of_merchant on linked_account (merchant);

create table federated_login (
    state_hash bytea primary key check (length(state_hash) = 32),
    browser_hash bytea not null check (length(browser_hash) = 32),
    issuer text not null,
    interaction text not null, -- what it goes on with
    expires_at bigint not null
);
create index federated_login_by_expiry on federated_login (expires_at);
