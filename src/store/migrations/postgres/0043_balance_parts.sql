-- Leases by the parts of a plan version and by runs of a node; balances whose limit changes and that end; money that is paid out again;
-- and what of each statement stands on which balance.

drop trigger balance_stays on balance;
alter table balance drop constraint balance_owner_owner_kind_currency_key;
alter table balance add column ended_at bigint; -- from then on its owner's fees are not counted on it
create unique index balance_of_owner on balance (owner, owner_kind, currency) where ended_at is null;
create index balance_by_owner on balance (owner);
create trigger balance_stays before update on balance for each row
    when (new.id <> old.id or new.owner_kind <> old.owner_kind or new.owner <> old.owner or new.kind <> old.kind
        or new.currency <> old.currency or new.created_at <> old.created_at or old.ended_at is not null)
    execute function refuse_change();
create trigger balance_is_kept before delete or truncate on balance
    for each statement execute function refuse_change();
-- Every node hears of one that changes, too.
create trigger balance_changed after update on balance
    for each row execute function note_balance();

-- Why a limit changed, or a balance ended: each cause once.
create table balance_change (
    balance text collate "C" not null references balance (id),
    cause text collate "C" not null,
    what text collate "C" not null check (what in ('limit', 'end')),
    amount_limit bigint not null, -- from then on
    at bigint not null,
    primary key (balance, cause)
);
create trigger balance_change_stays before update or delete or truncate on balance_change
    for each statement execute function refuse_change();

-- What was paid out again, or had not come in as a deposit said.
create table balance_withdrawal (
    balance text collate "C" not null references balance (id),
    cause text collate "C" not null, -- each once
    deposit text collate "C" not null, -- the cause of the deposit that is corrected; empty: of none
    minor bigint not null check (minor <> 0 and (minor > 0 or deposit <> '')), -- below zero, so much more had come in
    at bigint not null,
    posting bigint not null references ledger_transaction (number),
    primary key (balance, cause)
);
create index balance_withdrawal_of_posting on balance_withdrawal (posting);
create trigger balance_withdrawal_stays before update or delete or truncate on balance_withdrawal
    for each statement execute function refuse_change();

-- The same fees as in balance_spent, by the statements on which they stand.
create table balance_billed (
    balance text collate "C" not null references balance (id),
    period text collate "C" not null, -- on whose statement
    app text collate "C" not null,
    partner text collate "C" not null,
    minor bigint not null,
    primary key (balance, period, app, partner)
);
create index balance_billed_by_period on balance_billed (period, app);
insert into balance_billed
    select b.id, k.period, k.app, k.partner, cast(sum(c.minor) as bigint)
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
create trigger balance_billed_stays before update on balance_billed for each row
    when (new.balance <> old.balance or new.period <> old.period or new.app <> old.app or new.partner <> old.partner)
    execute function refuse_step_back();
create trigger balance_billed_is_kept before delete or truncate on balance_billed
    for each statement execute function refuse_change();

-- What of all fees that stood on statements by then was paid when a period was closed: if it is less later, a statement tells it.
create table balance_settled (
    balance text collate "C" not null references balance (id),
    period text collate "C" not null,
    minor bigint not null,
    primary key (balance, period)
);
create trigger balance_settled_stays before update or delete or truncate on balance_settled
    for each statement execute function refuse_change();

-- Of what older programs leased it is not known of which item the units are: of any.
drop trigger balance_lease_grows on balance_lease;
alter table balance_lease drop constraint balance_lease_pkey;
alter table balance_lease
    -- The last record of the node's journal when the run began that leased them.
    add column since bigint not null default 0,
    -- The fee item of which the units are; empty: of any. Promotions count from 1; 0: by the item's own price.
    add column item text collate "C" not null default '',
    add column promotion bigint not null default 0;
alter table balance_lease alter column since drop default, alter column item drop default, alter column promotion drop default;
alter table balance_lease
    add primary key (balance, node, since, app, product, plan, plan_version, item, promotion, service_period);
create trigger balance_lease_grows before update on balance_lease for each row
    when (new.balance <> old.balance or new.node <> old.node or new.since <> old.since or new.app <> old.app
        or new.product <> old.product or new.plan <> old.plan or new.plan_version <> old.plan_version or new.item <> old.item
        or new.promotion <> old.promotion or new.service_period <> old.service_period
        or new.granted < old.granted or new.consumed < old.consumed or new.returned < old.returned)
    execute function refuse_step_back();

drop trigger balance_dispute_ends on balance_dispute;
alter table balance_dispute
    add column item text collate "C" not null default '', -- as of a lease
    add column promotion bigint not null default 0;
create trigger balance_dispute_ends before update on balance_dispute for each row
    when (new.exception <> old.exception or new.balance <> old.balance or new.app <> old.app or new.product <> old.product
        or new.plan <> old.plan or new.plan_version <> old.plan_version or new.item <> old.item
        or new.promotion <> old.promotion or new.service_period <> old.service_period
        or new.units <> old.units or new.is_open > old.is_open)
    execute function refuse_step_back();

-- What was told of balances that are nearly used up, or are: each mark once.
create table balance_alert (
    balance text collate "C" not null references balance (id),
    mark text collate "C" not null, -- of what it was used so far: the bound, and of a budget the month before it
    percent bigint not null,
    at bigint not null,
    primary key (balance, mark, percent)
);
create index balance_alert_by_percent on balance_alert (percent);
