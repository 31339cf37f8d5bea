-- Journals have identities, refunds are known by their own ids, every sale is remembered, and what may only grow is kept
-- from going back. A replacing insert deletes without asking the triggers for deletes, so inserts are watched too.

alter table journal_position add column journal text; -- the journal's identity; null until a node has given it
alter table usage_exception add column payload blob; -- what could not be read
create index usage_exception_of_usage on usage_exception (usage) where usage is not null;
alter table exception_resolution add column evidence text; -- JSON: by what it was rated, if someone gave that

-- A version that has a date is in force, and stays as it is.
alter table plan_version add column effective_from integer; -- null: kept when versions had no date here
drop trigger plan_version_stays;
create trigger plan_version_stays before update on plan_version
    when old.effective_from is not null or new.plan <> old.plan or new.version <> old.version
    begin select raise(abort, 'plan_version is append-only'); end;

-- Units that were free: the allowance of a plan is one for all its versions.
alter table unit_total add column free integer not null default 0;
update unit_total set free = coalesce((
    select sum(c.free) from charge c where c.kind = 'service_fee' and c.app = unit_total.app
        and c.service_period = unit_total.service_period and c.product = unit_total.product
        and c.plan = unit_total.plan and c.plan_version = unit_total.plan_version
), 0);

-- All sales, and what was given back of them. Of one under a plan without a share there is no rule.
create table any_sale (
    app text not null,
    id text not null,
    currency text not null,
    usage text, -- that made it; null: not known
    product text not null,
    plan text not null,
    plan_version integer not null,
    percent text not null,
    rounding text not null,
    rule_file text,
    rule_line integer,
    rule_column integer,
    amount integer not null check (amount >= 0),
    share integer not null check (share between 0 and amount),
    refunded integer not null check (refunded between 0 and amount),
    returned integer not null check (returned between 0 and share),
    primary key (id, app, currency)
) strict, without rowid;
insert into any_sale
    select s.app, s.id, s.currency, c.usage, s.product, s.plan, s.plan_version, s.percent, s.rounding, s.rule_file,
        s.rule_line, s.rule_column, s.amount, s.share, s.refunded, s.returned
    from sale s left join (
        select app, transaction_id, currency, min(usage) as usage from charge where kind = 'revenue_share'
        group by app, transaction_id, currency
    ) c on c.app = s.app and c.transaction_id = s.id and c.currency = s.currency;
insert into any_sale
    select u.app, u.transaction_id, u.currency, u.id, u.product, u.plan, u.plan_version, '0', v.rounding, null, null,
        null, u.amount, 0, 0, 0
    from usage u join plan_version v on v.plan = u.plan and v.version = u.plan_version
    where u.transaction_kind = 'sale' and v.share is null and u.amount between 0 and 1000000000000000
    order by u.id
    on conflict do nothing;
drop table sale;
alter table any_sale rename to sale;

-- Refunds by their own ids: one that comes again is counted once.
create table refund (
    app text not null,
    sale text not null,
    currency text not null,
    id text not null, -- the sale's, if it has none of its own
    usage text not null references usage (id),
    amount integer not null check (amount >= 0),
    counted integer not null check (counted between 0 and amount), -- what was left of the sale
    primary key (sale, id, app, currency)
) strict, without rowid;
insert into refund
    select u.app, coalesce(u.transaction_of, u.transaction_id), u.currency, u.transaction_id, u.id, u.amount, -c.base
    from charge c join usage u on u.id = c.usage
    where c.kind = 'share_reversal' and u.transaction_kind = 'refund' and u.transaction_id = c.transaction_id
    order by u.id
    on conflict do nothing;

-- Refunds that came before their sales, by their own ids: until the sale comes they wait, each once.
create table waiting_refund (
    app text not null,
    sale text not null,
    currency text not null,
    id text not null,
    usage text not null references usage (id),
    amount integer not null check (amount >= 0),
    primary key (sale, id, app, currency)
) strict, without rowid;
insert into waiting_refund
    select u.app, coalesce(u.transaction_of, u.transaction_id), u.currency, u.transaction_id, u.id, u.amount
    from usage_exception e join usage u on u.id = e.usage
    where e.sale is not null and e.kind = 'transaction' and u.transaction_kind = 'refund' and u.amount >= 0
    order by u.id
    on conflict do nothing;

-- What is there is not replaced.
create trigger plan_version_is_not_replaced before insert on plan_version
    when exists (select 1 from plan_version where plan = new.plan and version = new.version)
    begin select raise(abort, 'plan_version is append-only'); end;
create trigger usage_is_not_replaced before insert on usage
    when exists (select 1 from usage where id = new.id)
        or exists (select 1 from usage where node = new.node and sequence = new.sequence)
    begin select raise(abort, 'usage is append-only'); end;
create trigger usage_exception_is_not_replaced before insert on usage_exception
    when exists (select 1 from usage_exception where id = new.id)
    begin select raise(ignore); end;
create trigger exception_resolution_is_not_replaced before insert on exception_resolution
    when exists (select 1 from exception_resolution where exception = new.exception)
    begin select raise(abort, 'exception_resolution is append-only'); end;
create trigger charge_is_not_replaced before insert on charge
    when exists (select 1 from charge where usage = new.usage and kind = new.kind)
    begin select raise(abort, 'charge is append-only'); end;
create trigger ledger_transaction_is_not_replaced before insert on ledger_transaction
    when exists (select 1 from ledger_transaction where cause = new.cause)
    begin select raise(abort, 'ledger_transaction is append-only'); end;
create trigger ledger_posting_is_not_replaced before insert on ledger_posting
    when exists (select 1 from ledger_posting where cause = new.cause and account = new.account)
    begin select raise(abort, 'ledger_posting is append-only'); end;
create trigger closed_period_is_not_replaced before insert on closed_period
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'closed_period is append-only'); end;
create trigger statement_is_not_replaced before insert on statement
    when exists (select 1 from statement where number = new.number or (period = new.period and app = new.app
        and partner = new.partner and currency = new.currency))
    begin select raise(abort, 'statement is append-only'); end;
create trigger refund_stays before update on refund
    begin select raise(abort, 'refund is append-only'); end;
create trigger refund_is_kept before delete on refund
    begin select raise(abort, 'refund is append-only'); end;
create trigger refund_is_not_replaced before insert on refund
    when exists (select 1 from refund where sale = new.sale and id = new.id and app = new.app
        and currency = new.currency)
    begin select raise(abort, 'refund is append-only'); end;

create trigger waiting_refund_stays before update on waiting_refund
    begin select raise(abort, 'waiting_refund is append-only'); end;
create trigger waiting_refund_is_kept before delete on waiting_refund
    begin select raise(abort, 'waiting_refund is append-only'); end;
create trigger waiting_refund_is_not_replaced before insert on waiting_refund
    when exists (select 1 from waiting_refund where sale = new.sale and id = new.id and app = new.app
        and currency = new.currency)
    begin select raise(abort, 'waiting_refund is append-only'); end;

-- A closed period takes nothing more, and gives nothing away.
create trigger statement_insert_in_a_closed_period before insert on statement
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'the period is closed'); end;
create trigger ledger_posting_insert_in_a_closed_period before insert on ledger_posting
    when exists (select 1 from ledger_transaction t join closed_period c on c.period = t.period
        where t.cause = new.cause)
    begin select raise(abort, 'the period is closed'); end;
drop trigger line_total_update_in_a_closed_period;
create trigger line_total_update_in_a_closed_period before update on line_total
    when exists (select 1 from closed_period where period in (old.period, new.period))
    begin select raise(abort, 'the period is closed'); end;

-- What only grows.
create trigger journal_position_goes_on before update on journal_position
    when new.node <> old.node or new.sequence < old.sequence or (old.journal is not null and new.journal is not old.journal)
    begin select raise(abort, 'journal_position does not go back'); end;
create trigger journal_position_is_not_replaced before insert on journal_position
    when exists (select 1 from journal_position p where p.node = new.node
        and (new.sequence < p.sequence or (p.journal is not null and new.journal is not p.journal)))
    begin select raise(abort, 'journal_position does not go back'); end;
create trigger journal_position_is_kept before delete on journal_position
    begin select raise(abort, 'journal_position is never removed'); end;
create trigger unit_total_grows before update on unit_total
    when new.units < old.units or new.free < old.free or new.app <> old.app or new.product <> old.product
        or new.plan <> old.plan or new.plan_version <> old.plan_version or new.service_period <> old.service_period
    begin select raise(abort, 'unit_total only grows'); end;
create trigger unit_total_is_not_replaced before insert on unit_total
    when exists (select 1 from unit_total t where t.app = new.app and t.service_period = new.service_period
        and t.product = new.product and t.plan = new.plan and t.plan_version = new.plan_version
        and (new.units < t.units or new.free < t.free))
    begin select raise(abort, 'unit_total only grows'); end;
create trigger unit_total_is_kept before delete on unit_total
    begin select raise(abort, 'unit_total is never removed'); end;
create trigger sale_stays before update on sale
    when new.refunded < old.refunded or new.returned < old.returned or new.amount <> old.amount
        or new.share <> old.share or new.id <> old.id or new.app <> old.app or new.currency <> old.currency
    begin select raise(abort, 'only refunds change a sale'); end;
create trigger sale_is_not_replaced before insert on sale
    when exists (select 1 from sale s where s.id = new.id and s.app = new.app and s.currency = new.currency
        and (new.refunded < s.refunded or new.returned < s.returned or new.amount <> s.amount or new.share <> s.share))
    begin select raise(abort, 'only refunds change a sale'); end;
create trigger sale_is_kept before delete on sale
    begin select raise(abort, 'sale is never removed'); end;
