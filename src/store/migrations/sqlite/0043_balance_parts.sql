-- Leases by the parts of a plan version and by runs of a node; balances whose limit changes and that end; money that is paid out again;
-- and what of each statement stands on which balance.

pragma defer_foreign_keys = on; -- what refers to balances is right again at the end
create table balance_before as select * from balance;
drop table balance;
create table balance (
    id text not null primary key,
    owner_kind text not null check (owner_kind in ('app', 'partner')),
    owner text not null, -- id of the app or partner
    kind text not null check (kind in ('prepaid', 'credit', 'budget')),
    amount_limit integer not null check (amount_limit >= 0 and (kind <> 'prepaid' or amount_limit = 0)),
    currency text not null,
    created_at integer not null,
    ended_at integer -- from then on its owner's fees are not counted on it
) strict, without rowid;
insert into balance select id, owner_kind, owner, kind, amount_limit, currency, created_at, null from balance_before;
drop table balance_before;
create unique index balance_of_owner on balance (owner, owner_kind, currency) where ended_at is null;
create index balance_by_owner on balance (owner);
create trigger balance_stays before update on balance
    when new.id <> old.id or new.owner_kind <> old.owner_kind or new.owner <> old.owner or new.kind <> old.kind
        or new.currency <> old.currency or new.created_at <> old.created_at or old.ended_at is not null
    begin select raise(abort, 'balance is append-only'); end;
create trigger balance_is_kept before delete on balance
    begin select raise(abort, 'balance is append-only'); end;
create trigger balance_is_not_replaced before insert on balance
    when exists (select 1 from balance where id = new.id
        or (owner = new.owner and owner_kind = new.owner_kind and currency = new.currency and ended_at is null))
    begin select raise(abort, 'balance is append-only'); end;
-- Every node hears of a new one, and of one that changes.
create trigger balance_made after insert on balance begin
    insert into identity_change (subject) values (new.owner);
end;
create trigger balance_changed after update on balance begin
    insert into identity_change (subject) values (new.owner);
end;

-- Why a limit changed, or a balance ended: each cause once.
create table balance_change (
    balance text not null references balance (id),
    cause text not null,
    what text not null check (what in ('limit', 'end')),
    amount_limit integer not null, -- from then on
    at integer not null,
    primary key (balance, cause)
) strict, without rowid;
create trigger balance_change_stays before update on balance_change
    begin select raise(abort, 'balance_change is append-only'); end;
create trigger balance_change_is_kept before delete on balance_change
    begin select raise(abort, 'balance_change is append-only'); end;
create trigger balance_change_is_not_replaced before insert on balance_change
    when exists (select 1 from balance_change where balance = new.balance and cause = new.cause)
    begin select raise(abort, 'balance_change is append-only'); end;

-- What was paid out again, or had not come in as a deposit said.
create table balance_withdrawal (
    balance text not null references balance (id),
    cause text not null, -- each once
    deposit text not null, -- the cause of the deposit that is corrected; empty: of none
    minor integer not null check (minor <> 0 and (minor > 0 or deposit <> '')), -- below zero, so much more had come in
    at integer not null,
    posting integer not null references ledger_transaction (number),
    primary key (balance, cause)
) strict, without rowid;
create index balance_withdrawal_of_posting on balance_withdrawal (posting);
create trigger balance_withdrawal_stays before update on balance_withdrawal
    begin select raise(abort, 'balance_withdrawal is append-only'); end;
create trigger balance_withdrawal_is_kept before delete on balance_withdrawal
    begin select raise(abort, 'balance_withdrawal is append-only'); end;
create trigger balance_withdrawal_is_not_replaced before insert on balance_withdrawal
    when exists (select 1 from balance_withdrawal where balance = new.balance and cause = new.cause)
    begin select raise(abort, 'balance_withdrawal is append-only'); end;

-- The same fees as in balance_spent, by the statements on which they stand.
create table balance_billed (
    balance text not null references balance (id),
    period text not null, -- on whose statement
    app text not null,
    partner text not null,
    minor integer not null,
    primary key (balance, period, app, partner)
) strict, without rowid;
create index balance_billed_by_period on balance_billed (period, app);
insert into balance_billed
    select b.id, k.period, k.app, k.partner, cast(sum(c.minor) as integer)
    from (select id, at, fee_terms as terms, fee_minor as minor from usage where fee_minor is not null union all
        select u.id, u.at, o.terms, o.minor from other_charge o join usage u on u.number = o.usage
        where o.kind in ('service_fee', 'rewalk')) c
    join charge_terms k on k.number = c.terms
    join balance b on b.owner in (k.app, k.partner) and b.currency = k.currency
        and b.owner = case b.owner_kind when 'app' then k.app else k.partner end
    left join usage_exception e on e.id = 'usage:' || c.id and e.newer_kind = 'time'
    left join exception_resolution r on r.exception = e.id
    where coalesce(r.at, c.at) >= b.created_at
    group by b.id, k.period, k.app, k.partner;
create trigger balance_billed_stays before update on balance_billed
    when new.balance <> old.balance or new.period <> old.period or new.app <> old.app or new.partner <> old.partner
    begin select raise(abort, 'balance_billed is kept'); end;
create trigger balance_billed_is_kept before delete on balance_billed
    begin select raise(abort, 'balance_billed is kept'); end;

-- What of all fees that stood on statements by then was paid when a period was closed: if it is less later, a statement tells it.
create table balance_settled (
    balance text not null references balance (id),
    period text not null,
    minor integer not null,
    primary key (balance, period)
) strict, without rowid;
create trigger balance_settled_stays before update on balance_settled
    begin select raise(abort, 'balance_settled is append-only'); end;
create trigger balance_settled_is_kept before delete on balance_settled
    begin select raise(abort, 'balance_settled is append-only'); end;
create trigger balance_settled_is_not_replaced before insert on balance_settled
    when exists (select 1 from balance_settled where balance = new.balance and period = new.period)
    begin select raise(abort, 'balance_settled is append-only'); end;

-- Of what older programs leased it is not known of which item the units are: of any.
create table balance_lease_before as select * from balance_lease;
drop table balance_lease;
create table balance_lease (
    balance text not null references balance (id),
    node text not null,
    since integer not null, -- the last record of the node's journal when the run began that leased them
    app text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    item text not null, -- the fee item of which the units are; empty: of any
    promotion integer not null, -- from 1; 0: by the item's own price
    service_period text not null,
    granted integer not null check (granted >= 0),
    consumed integer not null default 0 check (consumed >= 0),
    returned integer not null default 0 check (returned >= 0),
    primary key (balance, node, since, app, product, plan, plan_version, item, promotion, service_period),
    check (consumed + returned <= granted)
) strict, without rowid;
insert into balance_lease
    select balance, node, 0, app, product, plan, plan_version, '', 0, service_period, granted, consumed, returned
    from balance_lease_before;
drop table balance_lease_before;
create index balance_lease_of_balance on balance_lease (balance) where granted > consumed + returned;
create index balance_lease_of_node on balance_lease (node, app) where granted > consumed + returned;
create trigger balance_lease_grows before update on balance_lease
    when new.balance <> old.balance or new.node <> old.node or new.since <> old.since or new.app <> old.app
        or new.product <> old.product or new.plan <> old.plan or new.plan_version <> old.plan_version or new.item <> old.item
        or new.promotion <> old.promotion or new.service_period <> old.service_period
        or new.granted < old.granted or new.consumed < old.consumed or new.returned < old.returned
    begin select raise(abort, 'balance_lease only grows'); end;
create trigger balance_lease_is_kept before delete on balance_lease
    begin select raise(abort, 'balance_lease only grows'); end;

drop trigger balance_dispute_ends;
alter table balance_dispute add column item text not null default ''; -- as of a lease
alter table balance_dispute add column promotion integer not null default 0;
create trigger balance_dispute_ends before update on balance_dispute
    when new.exception <> old.exception or new.balance <> old.balance or new.app <> old.app or new.product <> old.product
        or new.plan <> old.plan or new.plan_version <> old.plan_version or new.item <> old.item
        or new.promotion <> old.promotion or new.service_period <> old.service_period
        or new.units <> old.units or new.is_open > old.is_open
    begin select raise(abort, 'balance_dispute only ends'); end;

-- What was told of balances that are nearly used up, or are: each mark once.
create table balance_alert (
    balance text not null references balance (id),
    mark text not null, -- of what it was used so far: the bound, and of a budget the month before it
    percent integer not null,
    at integer not null,
    primary key (balance, mark, percent)
) strict, without rowid;
create index balance_alert_by_percent on balance_alert (percent);
