-- What apps and partners may still spend on fees: money paid ahead, a credit limit, a monthly budget. Times: microseconds since 1970
-- (UTC); money: minor units.

create table balance (
    id text collate "C" not null primary key,
    owner_kind text collate "C" not null check (owner_kind in ('app', 'partner')),
    owner text collate "C" not null, -- id of the app or partner
    kind text collate "C" not null check (kind in ('prepaid', 'credit', 'budget')),
    amount_limit bigint not null check (amount_limit >= 0 and (kind <> 'prepaid' or amount_limit = 0)),
    currency text collate "C" not null,
    created_at bigint not null,
    unique (owner, owner_kind, currency)
);
create trigger balance_stays before update or delete or truncate on balance
    for each statement execute function refuse_change();
-- Every node hears of a new one.
create function note_balance() returns trigger language plpgsql as $$
begin
    insert into identity_change (subject) values (new.owner);
    return null;
end
$$;
create trigger balance_made after insert on balance
    for each row execute function note_balance();

-- What was paid in.
create table balance_deposit (
    balance text collate "C" not null references balance (id),
    cause text collate "C" not null, -- what names it to who paid: it comes in once
    minor bigint not null check (minor > 0),
    at bigint not null,
    posting bigint not null references ledger_transaction (number),
    primary key (balance, cause)
);
create index balance_deposit_of_posting on balance_deposit (posting);
create trigger balance_deposit_stays before update or delete or truncate on balance_deposit
    for each statement execute function refuse_change();

-- What the fees of recorded calls came to since the balance was made, by the period in which they were used.
create table balance_spent (
    balance text collate "C" not null references balance (id),
    service_period text collate "C" not null,
    minor bigint not null,
    primary key (balance, service_period)
);
create trigger balance_spent_stays before update on balance_spent for each row
    when (new.balance <> old.balance or new.service_period <> old.service_period)
    execute function refuse_step_back();
create trigger balance_spent_is_kept before delete or truncate on balance_spent
    for each statement execute function refuse_change();

-- What fees took of money that was paid in: so much of what is owed is paid by it. Below zero, it is owed again.
create table balance_payment (
    posting bigint not null primary key references ledger_transaction (number),
    balance text collate "C" not null references balance (id),
    partner text collate "C" not null, -- whose money it is, and who owed it
    minor bigint not null check (minor <> 0)
);
create index balance_payment_of_balance on balance_payment (balance);
create trigger balance_payment_stays before update or delete or truncate on balance_payment
    for each statement execute function refuse_change();

-- Units that nodes may let through: granted, and of them consumed by recorded calls, and given back.
create table balance_lease (
    balance text collate "C" not null references balance (id),
    node text collate "C" not null,
    app text collate "C" not null,
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    service_period text collate "C" not null,
    granted bigint not null check (granted >= 0),
    consumed bigint not null default 0 check (consumed >= 0),
    returned bigint not null default 0 check (returned >= 0),
    primary key (balance, node, app, product, plan, plan_version, service_period),
    check (consumed + returned <= granted)
);
create index balance_lease_of_balance on balance_lease (balance) where granted > consumed + returned;
create index balance_lease_of_node on balance_lease (node, app) where granted > consumed + returned;
create trigger balance_lease_grows before update on balance_lease for each row
    when (new.balance <> old.balance or new.node <> old.node or new.app <> old.app or new.product <> old.product
        or new.plan <> old.plan or new.plan_version <> old.plan_version or new.service_period <> old.service_period
        or new.granted < old.granted or new.consumed < old.consumed or new.returned < old.returned)
    execute function refuse_step_back();
create trigger balance_lease_is_kept before delete or truncate on balance_lease
    for each statement execute function refuse_change();

-- Units by which calls were let through that someone has to decide about: reserved until the exception is resolved.
create table balance_dispute (
    exception text collate "C" not null primary key references usage_exception (id),
    balance text collate "C" not null references balance (id),
    app text collate "C" not null,
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    service_period text collate "C" not null,
    units bigint not null check (units > 0),
    is_open bigint not null default 1 check (is_open in (0, 1))
);
create index balance_dispute_of_balance on balance_dispute (balance) where is_open = 1;
create trigger balance_dispute_ends before update on balance_dispute for each row
    when (new.exception <> old.exception or new.balance <> old.balance or new.app <> old.app or new.product <> old.product
        or new.plan <> old.plan or new.plan_version <> old.plan_version or new.service_period <> old.service_period
        or new.units <> old.units or new.is_open > old.is_open)
    execute function refuse_step_back();
create trigger balance_dispute_is_kept before delete or truncate on balance_dispute
    for each statement execute function refuse_change();
create function end_dispute() returns trigger language plpgsql as $$
begin
    update balance_dispute set is_open = 0 where exception = new.exception and is_open = 1;
    return null;
end
$$;
create trigger balance_dispute_is_decided after insert on exception_resolution
    for each row execute function end_dispute();
