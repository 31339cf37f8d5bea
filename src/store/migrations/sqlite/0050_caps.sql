-- Balances that are a merchant's cap on what one app may cost in its name, and balances on which shares are counted; and units that
-- someone has to decide about on each of the balances on which a call is counted.

pragma defer_foreign_keys = on; -- what refers to balances is right again at the end
create table balance_before as select * from balance;
drop table balance;
create table balance (
    id text not null primary key,
    owner_kind text not null check (owner_kind in ('app', 'partner', 'merchant')),
    owner text not null, -- id of the app, partner or merchant
    app text not null default '' check ((app <> '') = (owner_kind = 'merchant')), -- which a merchant's cap bounds
    kind text not null check (kind in ('prepaid', 'credit', 'budget') and (kind = 'budget' or owner_kind <> 'merchant')),
    amount_limit integer not null check (amount_limit >= 0 and (kind <> 'prepaid' or amount_limit = 0)),
    currency text not null,
    created_at integer not null,
    ended_at integer, -- from then on fees are not counted on it
    -- Whether shares are, too; not on those of older programs.
    counts_shares integer not null default 0 check (counts_shares in (0, 1) and (counts_shares = 0 or owner_kind <> 'merchant')),
    used_up_until integer -- until then no call passes that may bring a share
) strict, without rowid;
insert into balance (id, owner_kind, owner, kind, amount_limit, currency, created_at, ended_at)
    select id, owner_kind, owner, kind, amount_limit, currency, created_at, ended_at from balance_before;
drop table balance_before;
create unique index balance_of_owner on balance (owner, owner_kind, app, currency) where ended_at is null;
create index balance_by_owner on balance (owner);
create index balance_by_capped on balance (app) where app <> '';
create trigger balance_stays before update on balance
    when new.id <> old.id or new.owner_kind <> old.owner_kind or new.owner <> old.owner or new.app <> old.app
        or new.kind <> old.kind or new.currency <> old.currency or new.created_at <> old.created_at
        or new.counts_shares <> old.counts_shares or old.ended_at is not null
    begin select raise(abort, 'balance is append-only'); end;
create trigger balance_is_kept before delete on balance
    begin select raise(abort, 'balance is append-only'); end;
create trigger balance_is_not_replaced before insert on balance
    when exists (select 1 from balance where id = new.id or (owner = new.owner and owner_kind = new.owner_kind
        and app = new.app and currency = new.currency and ended_at is null))
    begin select raise(abort, 'balance is append-only'); end;
-- Every node hears of a new one, and of one that changes.
create trigger balance_made after insert on balance begin
    insert into identity_change (subject) values (new.owner);
end;
create trigger balance_changed after update on balance begin
    insert into identity_change (subject) values (new.owner);
end;

create table balance_dispute_before as select * from balance_dispute;
drop trigger balance_dispute_is_decided;
drop table balance_dispute;
create table balance_dispute (
    exception text not null references usage_exception (id),
    balance text not null references balance (id),
    app text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    item text not null, -- as of a lease
    promotion integer not null,
    service_period text not null,
    units integer not null check (units > 0),
    is_open integer not null default 1 check (is_open in (0, 1)),
    primary key (exception, balance)
) strict, without rowid;
insert into balance_dispute
    select exception, balance, app, product, plan, plan_version, item, promotion, service_period, units, is_open
    from balance_dispute_before;
drop table balance_dispute_before;
create index balance_dispute_of_balance on balance_dispute (balance) where is_open = 1;
create trigger balance_dispute_ends before update on balance_dispute
    when new.exception <> old.exception or new.balance <> old.balance or new.app <> old.app or new.product <> old.product
        or new.plan <> old.plan or new.plan_version <> old.plan_version or new.item <> old.item
        or new.promotion <> old.promotion or new.service_period <> old.service_period
        or new.units <> old.units or new.is_open > old.is_open
    begin select raise(abort, 'balance_dispute only ends'); end;
create trigger balance_dispute_is_kept before delete on balance_dispute
    begin select raise(abort, 'balance_dispute only ends'); end;
create trigger balance_dispute_is_not_replaced before insert on balance_dispute
    when exists (select 1 from balance_dispute where exception = new.exception and balance = new.balance)
    begin select raise(abort, 'balance_dispute only ends'); end;
create trigger balance_dispute_is_decided after insert on exception_resolution begin
    update balance_dispute set is_open = 0 where exception = new.exception and is_open = 1;
end;
