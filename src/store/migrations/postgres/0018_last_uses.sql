-- How a merchant's session began, from where, and when it was last seen; null for those that there are.

alter table login_session add column method text; -- password or provider
alter table login_session add column address text;
alter table login_session add column seen_at bigint; -- never more than some minutes behind

-- When a client secret last proved its app, never more than an hour behind. Apart from app_secret: that it was used changes
-- nothing that is remembered of its app.
create table secret_use (
    secret text collate "C" constraint secret_use_secret_key primary key references app_secret (id) on delete cascade,
    used_at bigint not null
);
