-- What becomes of sales: their shares are pending until they are settled, if their plan says so, and what goes back is known by its
-- kind and its own id. Sums never fall, so that it does not matter in which order transactions come.

-- What few transactions have, beside their usage records.
create table usage_transaction (
    usage integer primary key references usage (number),
    kind text check (kind in ('cancellation', 'settlement', 'chargeback', 'chargeback-won')), -- null: it stands in the record
    details text -- JSON; null: none
) strict;

-- All sales, and what became of them. Of one without a share there is no rule.
create table sale_life (
    app text not null,
    id text not null,
    currency text not null,
    usage text, -- that made it; null: not known
    at integer not null, -- 0: not known
    partner text, -- who owes the share; null: not known
    product text not null,
    plan text not null,
    plan_version integer not null,
    item text not null, -- of the plan version's share
    percent text not null,
    rounding text not null,
    rule_file text,
    rule_line integer,
    rule_column integer,
    amount integer not null check (amount >= 0),
    base integer not null check (base between 0 and amount), -- of which the share is a percentage
    share integer not null check (share between 0 and base),
    earned text not null check (earned in ('on-sale', 'on-settlement')),
    settles_within integer, -- seconds; null: for ever
    split text, -- JSON: parties with their weights; null: all of it is the platform's
    refunded integer not null check (refunded >= 0),
    cancelled integer not null check (cancelled >= 0),
    charged_back integer not null check (charged_back >= 0),
    won_back integer not null check (won_back >= 0),
    settled integer not null check (settled >= 0),
    is_cancelled integer not null check (is_cancelled in (0, 1)), -- all that was left was
    is_settled integer not null check (is_settled in (0, 1)), -- all that was left was
    returned integer not null check (returned between 0 and share), -- what of the share went back
    pending integer not null check (pending between 0 and share - returned), -- what of it is not earned yet
    is_older integer not null default 0 check (is_older in (0, 1)), -- than this: not all of its refunds are known by themselves
    primary key (id, app, currency)
) strict, without rowid;
insert into sale_life
    select s.app, s.id, s.currency, s.usage, coalesce(u.at, 0), coalesce(c.partner, a.partner), s.product, s.plan, s.plan_version,
        'share', s.percent, s.rounding, s.rule_file, s.rule_line, s.rule_column, s.amount, s.amount, s.share, 'on-sale', null, null,
        s.refunded, 0, 0, 0, 0, 0, 0, s.returned, 0, 1
    from sale s left join usage u on u.id = s.usage left join usage_context c on c.number = u.context
    left join app a on a.id = s.app;

-- What became of sales, by transactions, the sales themselves among them: each is counted once.
create table sale_event (
    app text not null, -- of the sale
    sale text not null,
    currency text not null,
    kind text not null check (kind in ('sale', 'refund', 'cancellation', 'settlement', 'chargeback', 'chargeback-won')),
    id text not null, -- the sale's, if it has none of its own
    usage text references usage (id), -- null: not known
    amount integer check (amount >= 0), -- null: all that was left
    beyond integer not null check (beyond >= 0), -- what of the amount was more than there was
    pending integer not null, -- by how much it changed what is pending of the share
    earned integer not null, -- by how much it changed what is earned of it
    posting integer, -- number of the ledger transaction that posts that; null: there is none, or its charge knows it
    primary key (sale, id, kind, app, currency)
) strict, without rowid;
create index sale_event_of_usage on sale_event (usage) where usage is not null;
insert into sale_event
    select app, id, currency, 'sale', id, usage, amount, 0, 0, share, null from sale;
insert into sale_event
    select f.app, f.sale, f.currency, 'refund', f.id, f.usage, f.amount, f.amount - f.counted, 0,
        coalesce((select sum(o.minor) from other_charge o join usage u on u.number = o.usage
            where u.id = f.usage and o.kind = 'share_reversal' and o.transaction_id = f.id), 0), null
    from refund f;

-- What came before its sale, by its own id and under the app that called: until the sale comes it waits, each once.
create table waiting_transaction (
    app text not null,
    sale text not null,
    currency text not null,
    kind text not null check (kind in ('sale', 'refund', 'cancellation', 'settlement', 'chargeback', 'chargeback-won')),
    id text not null,
    usage text not null references usage (id),
    amount integer check (amount >= 0), -- null: all that is left
    primary key (sale, id, kind, app, currency)
) strict, without rowid;
create index waiting_transaction_of_usage on waiting_transaction (usage);
insert into waiting_transaction select app, sale, currency, 'refund', id, usage, amount from waiting_refund;

drop table sale;
drop table refund;
drop table waiting_refund;
alter table sale_life rename to sale;
-- The oldest of which a share is pending.
create index sale_pending on sale (at) where pending > 0;

create trigger usage_transaction_stays before update on usage_transaction
    begin select raise(abort, 'usage_transaction is append-only'); end;
create trigger usage_transaction_is_kept before delete on usage_transaction
    begin select raise(abort, 'usage_transaction is append-only'); end;
create trigger usage_transaction_is_not_replaced before insert on usage_transaction
    when exists (select 1 from usage_transaction where usage = new.usage)
    begin select raise(abort, 'usage_transaction is append-only'); end;
create trigger sale_event_stays before update on sale_event
    begin select raise(abort, 'sale_event is append-only'); end;
create trigger sale_event_is_kept before delete on sale_event
    begin select raise(abort, 'sale_event is append-only'); end;
create trigger sale_event_is_not_replaced before insert on sale_event
    when exists (select 1 from sale_event where sale = new.sale and id = new.id and kind = new.kind and app = new.app
        and currency = new.currency)
    begin select raise(abort, 'sale_event is append-only'); end;
create trigger waiting_transaction_stays before update on waiting_transaction
    begin select raise(abort, 'waiting_transaction is append-only'); end;
create trigger waiting_transaction_is_kept before delete on waiting_transaction
    begin select raise(abort, 'waiting_transaction is append-only'); end;
create trigger waiting_transaction_is_not_replaced before insert on waiting_transaction
    when exists (select 1 from waiting_transaction where sale = new.sale and id = new.id and kind = new.kind and app = new.app
        and currency = new.currency)
    begin select raise(abort, 'waiting_transaction is append-only'); end;
create trigger sale_stays before update on sale
    when new.refunded < old.refunded or new.cancelled < old.cancelled or new.charged_back < old.charged_back
        or new.won_back < old.won_back or new.settled < old.settled or new.is_cancelled < old.is_cancelled
        or new.is_settled < old.is_settled or new.amount <> old.amount or new.base <> old.base or new.share <> old.share
        or new.id <> old.id or new.app <> old.app or new.currency <> old.currency
    begin select raise(abort, 'only what becomes of a sale changes it'); end;
create trigger sale_is_not_replaced before insert on sale
    when exists (select 1 from sale s where s.id = new.id and s.app = new.app and s.currency = new.currency
        and (new.refunded < s.refunded or new.cancelled < s.cancelled or new.charged_back < s.charged_back
        or new.won_back < s.won_back or new.settled < s.settled or new.is_cancelled < s.is_cancelled
        or new.is_settled < s.is_settled or new.amount <> s.amount or new.base <> s.base or new.share <> s.share))
    begin select raise(abort, 'only what becomes of a sale changes it'); end;
create trigger sale_is_kept before delete on sale
    begin select raise(abort, 'sale is never removed'); end;
