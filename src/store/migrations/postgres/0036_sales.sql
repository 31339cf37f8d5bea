-- What becomes of sales: their shares are pending until they are settled, if their plan says so, and what goes back is known by its
-- kind and its own id. Sums never fall, so that it does not matter in which order transactions come.

-- What few transactions have, beside their usage records.
create table usage_transaction (
    usage bigint primary key references usage (number),
    kind text collate "C" check (kind in ('cancellation', 'settlement', 'chargeback', 'chargeback-won')), -- null: it stands in the record
    details text collate "C" -- JSON; null: none
);

-- All sales, and what became of them. Of one without a share there is no rule.
lock table sale, refund, waiting_refund in access exclusive mode;
create table sale_life (
    app text collate "C" not null,
    id text collate "C" not null,
    currency text collate "C" not null,
    usage text collate "C", -- that made it; null: not known
    at bigint not null, -- 0: not known
    partner text collate "C", -- who owes the share; null: not known
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    item text collate "C" not null, -- of the plan version's share
    percent text collate "C" not null,
    rounding text collate "C" not null,
    rule_file text collate "C",
    rule_line bigint,
    rule_column bigint,
    amount bigint not null check (amount >= 0),
    base bigint not null check (base between 0 and amount), -- of which the share is a percentage
    share bigint not null check (share between 0 and base),
    earned text collate "C" not null check (earned in ('on-sale', 'on-settlement')),
    settles_within bigint, -- seconds; null: for ever
    split text collate "C", -- JSON: parties with their weights; null: all of it is the platform's
    refunded bigint not null check (refunded >= 0),
    cancelled bigint not null check (cancelled >= 0),
    charged_back bigint not null check (charged_back >= 0),
    won_back bigint not null check (won_back >= 0),
    settled bigint not null check (settled >= 0),
    is_cancelled bigint not null check (is_cancelled in (0, 1)), -- all that was left was
    is_settled bigint not null check (is_settled in (0, 1)), -- all that was left was
    returned bigint not null check (returned between 0 and share), -- what of the share went back
    pending bigint not null check (pending between 0 and share - returned), -- what of it is not earned yet
    is_older bigint not null default 0 check (is_older in (0, 1)), -- than this: not all of its refunds are known by themselves
    primary key (id, app, currency)
);
insert into sale_life
    select s.app, s.id, s.currency, s.usage, coalesce(u.at, 0), coalesce(c.partner, a.partner), s.product, s.plan, s.plan_version,
        'share', s.percent, s.rounding, s.rule_file, s.rule_line, s.rule_column, s.amount, s.amount, s.share, 'on-sale', null, null,
        s.refunded, 0, 0, 0, 0, 0, 0, s.returned, 0, 1
    from sale s left join usage u on u.id = s.usage left join usage_context c on c.number = u.context
    left join app a on a.id = s.app;

-- What became of sales, by transactions, the sales themselves among them: each is counted once.
create table sale_event (
    app text collate "C" not null, -- of the sale
    sale text collate "C" not null,
    currency text collate "C" not null,
    kind text collate "C" not null check (kind in ('sale', 'refund', 'cancellation', 'settlement', 'chargeback', 'chargeback-won')),
    id text collate "C" not null, -- the sale's, if it has none of its own
    usage text collate "C" references usage (id), -- null: not known
    amount bigint check (amount >= 0), -- null: all that was left
    beyond bigint not null check (beyond >= 0), -- what of the amount was more than there was
    pending bigint not null, -- by how much it changed what is pending of the share
    earned bigint not null, -- by how much it changed what is earned of it
    posting bigint, -- number of the ledger transaction that posts that; null: there is none, or its charge knows it
    primary key (sale, id, kind, app, currency)
);
create index sale_event_of_usage on sale_event (usage) where usage is not null;
insert into sale_event
    select app, id, currency, 'sale', id, usage, amount, 0, 0, share, null from sale;
insert into sale_event
    select f.app, f.sale, f.currency, 'refund', f.id, f.usage, f.amount, f.amount - f.counted, 0,
        cast(coalesce((select sum(o.minor) from other_charge o join usage u on u.number = o.usage
            where u.id = f.usage and o.kind = 'share_reversal' and o.transaction_id = f.id), 0) as bigint), null
    from refund f;

-- What came before its sale, by its own id and under the app that called: until the sale comes it waits, each once.
create table waiting_transaction (
    app text collate "C" not null,
    sale text collate "C" not null,
    currency text collate "C" not null,
    kind text collate "C" not null check (kind in ('sale', 'refund', 'cancellation', 'settlement', 'chargeback', 'chargeback-won')),
    id text collate "C" not null,
    usage text collate "C" not null references usage (id),
    amount bigint check (amount >= 0), -- null: all that is left
    primary key (sale, id, kind, app, currency)
);
create index waiting_transaction_of_usage on waiting_transaction (usage);
insert into waiting_transaction select app, sale, currency, 'refund', id, usage, amount from waiting_refund;

drop table sale;
drop table refund;
drop table waiting_refund;
alter table sale_life rename to sale;
-- The oldest of which a share is pending.
create index sale_pending on sale (at) where pending > 0;

create trigger usage_transaction_stays before update or delete or truncate on usage_transaction
    for each statement execute function refuse_change();
create trigger sale_event_stays before update or delete or truncate on sale_event
    for each statement execute function refuse_change();
create trigger waiting_transaction_stays before update or delete or truncate on waiting_transaction
    for each statement execute function refuse_change();
create trigger sale_stays before update on sale for each row
    when (new.refunded < old.refunded or new.cancelled < old.cancelled or new.charged_back < old.charged_back
        or new.won_back < old.won_back or new.settled < old.settled or new.is_cancelled < old.is_cancelled
        or new.is_settled < old.is_settled or new.amount <> old.amount or new.base <> old.base or new.share <> old.share
        or new.id <> old.id or new.app <> old.app or new.currency <> old.currency)
    execute function refuse_step_back();
create trigger sale_is_kept before delete or truncate on sale
    for each statement execute function refuse_change();
