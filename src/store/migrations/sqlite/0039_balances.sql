-- What apps and partners may still spend on fees: money paid ahead, a credit limit, a monthly budget. Times: microseconds since 1970
-- (UTC); money: minor units.

create table balance (
    id text not null primary key,
    owner_kind text not null check (owner_kind in ('app', 'partner')),
    owner text not null, -- id of the app or partner
    kind text not null check (kind in ('prepaid', 'credit', 'budget')),
    amount_limit integer not null check (amount_limit >= 0 and (kind <> 'prepaid' or amount_limit = 0)),
    currency text not null,
    created_at integer not null,
    unique (owner, owner_kind, currency)
) strict, without rowid;
create trigger balance_stays before update on balance
    begin select raise(abort, 'balance is append-only'); end;
create trigger balance_is_kept before delete on balance
    begin select raise(abort, 'balance is append-only'); end;
create trigger balance_is_not_replaced before insert on balance
    when exists (select 1 from balance where id = new.id
        or (owner = new.owner and owner_kind = new.owner_kind and currency = new.currency))
    begin select raise(abort, 'balance is append-only'); end;
-- Every node hears of a new one.
create trigger balance_made after insert on balance begin
    insert into identity_change (subject) values (new.owner);
end;

-- What was paid in.
create table balance_deposit (
    balance text not null references balance (id),
    cause text not null, -- what names it to who paid: it comes in once
    minor integer not null check (minor > 0),
    at integer not null,
    posting integer not null references ledger_transaction (number),
    primary key (balance, cause)
) strict, without rowid;
create index balance_deposit_of_posting on balance_deposit (posting);
create trigger balance_deposit_stays before update on balance_deposit
    begin select raise(abort, 'balance_deposit is append-only'); end;
create trigger balance_deposit_is_kept before delete on balance_deposit
    begin select raise(abort, 'balance_deposit is append-only'); end;
create trigger balance_deposit_is_not_replaced before insert on balance_deposit
    when exists (select 1 from balance_deposit where balance = new.balance and cause = new.cause)
    begin select raise(abort, 'balance_deposit is append-only'); end;

-- What the fees of recorded calls came to since the balance was made, by the period in which they were used.
create table balance_spent (
    balance text not null references balance (id),
    service_period text not null,
    minor integer not null,
    primary key (balance, service_period)
) strict, without rowid;
create trigger balance_spent_stays before update on balance_spent
    when new.balance <> old.balance or new.service_period <> old.service_period
    begin select raise(abort, 'balance_spent is kept'); end;
create trigger balance_spent_is_kept before delete on balance_spent
    begin select raise(abort, 'balance_spent is kept'); end;

-- What fees took of money that was paid in: so much of what is owed is paid by it. Below zero, it is owed again.
create table balance_payment (
    posting integer not null primary key references ledger_transaction (number),
    balance text not null references balance (id),
    partner text not null, -- whose money it is, and who owed it
    minor integer not null check (minor <> 0)
) strict, without rowid;
create index balance_payment_of_balance on balance_payment (balance);
create trigger balance_payment_stays before update on balance_payment
    begin select raise(abort, 'balance_payment is append-only'); end;
create trigger balance_payment_is_kept before delete on balance_payment
    begin select raise(abort, 'balance_payment is append-only'); end;
create trigger balance_payment_is_not_replaced before insert on balance_payment
    when exists (select 1 from balance_payment where posting = new.posting)
    begin select raise(abort, 'balance_payment is append-only'); end;

-- Units that nodes may let through: granted, and of them consumed by recorded calls, and given back.
create table balance_lease (
    balance text not null references balance (id),
    node text not null,
    app text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    service_period text not null,
    granted integer not null check (granted >= 0),
    consumed integer not null default 0 check (consumed >= 0),
    returned integer not null default 0 check (returned >= 0),
    primary key (balance, node, app, product, plan, plan_version, service_period),
    check (consumed + returned <= granted)
) strict, without rowid;
create index balance_lease_of_balance on balance_lease (balance) where granted > consumed + returned;
create index balance_lease_of_node on balance_lease (node, app) where granted > consumed + returned;
create trigger balance_lease_grows before update on balance_lease
    when new.balance <> old.balance or new.node <> old.node or new.app <> old.app or new.product <> old.product
        or new.plan <> old.plan or new.plan_version <> old.plan_version or new.service_period <> old.service_period
        or new.granted < old.granted or new.consumed < old.consumed or new.returned < old.returned
    begin select raise(abort, 'balance_lease only grows'); end;
create trigger balance_lease_is_kept before delete on balance_lease
    begin select raise(abort, 'balance_lease only grows'); end;

-- Units by which calls were let through that someone has to decide about: reserved until the exception is resolved.
create table balance_dispute (
    exception text not null primary key references usage_exception (id),
    balance text not null references balance (id),
    app text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    service_period text not null,
    units integer not null check (units > 0),
    is_open integer not null default 1 check (is_open in (0, 1))
) strict, without rowid;
create index balance_dispute_of_balance on balance_dispute (balance) where is_open = 1;
create trigger balance_dispute_ends before update on balance_dispute
    when new.exception <> old.exception or new.balance <> old.balance or new.app <> old.app or new.product <> old.product
        or new.plan <> old.plan or new.plan_version <> old.plan_version or new.service_period <> old.service_period
        or new.units <> old.units or new.is_open > old.is_open
    begin select raise(abort, 'balance_dispute only ends'); end;
create trigger balance_dispute_is_kept before delete on balance_dispute
    begin select raise(abort, 'balance_dispute only ends'); end;
create trigger balance_dispute_is_not_replaced before insert on balance_dispute
    when exists (select 1 from balance_dispute where exception = new.exception)
    begin select raise(abort, 'balance_dispute only ends'); end;
create trigger balance_dispute_is_decided after insert on exception_resolution begin
    update balance_dispute set is_open = 0 where exception = new.exception and is_open = 1;
end;
